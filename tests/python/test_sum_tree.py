"""The sum tree for buffers with books of their own, against plain NumPy."""

from __future__ import annotations

import copy
import pickle
import random

import numpy as np
import pytest

from sharpwave.sum_tree import SumTree


@pytest.mark.parametrize("leaves", [1, 15, 16, 17, 300, 5000])
@pytest.mark.parametrize("smallest", [False, True])
def test_any_changes_leave_what_plain_numpy_has(leaves, smallest) -> None:
    rng = np.random.default_rng(leaves)
    tree, plain = SumTree(leaves, smallest=smallest), np.zeros(leaves, "float32")
    assert (len(tree), tree.total) == (leaves, 0)
    for _ in range(50):
        places = rng.integers(0, leaves, rng.integers(1, 40))
        if rng.random() < 0.3:
            tree[places] = 0.5
            plain[places] = 0.5
        elif rng.random() < 0.5:
            values = (rng.exponential(size=len(places)) * (rng.random(len(places)) < 0.7)).astype(
                "f4"
            )
            tree[places] = values
            for place, value in zip(places, values, strict=True):
                plain[place] = value
        else:
            errors = rng.normal(size=len(places))
            least, most = tree.prioritize(places, errors, 0.6, 1e-3)
            priorities = (np.abs(errors.astype("f4")) + np.float32(1e-3)) ** 0.6
            for place, value in zip(places, priorities, strict=True):
                plain[place] = value
            assert most == pytest.approx(priorities.max(), rel=1e-6)
            assert least == pytest.approx(priorities.min(), rel=1e-6)
        np.testing.assert_allclose(tree[np.arange(leaves)], plain, rtol=1e-6)
        assert tree.total == pytest.approx(plain.sum(dtype="f8"), rel=1e-6)
        if smallest:
            positive = plain[plain > 0]
            assert tree.smallest == pytest.approx(positive.min() if len(positive) else 0, rel=1e-6)
    if tree.total > 0:
        mass = rng.random(100) * tree.total
        ends = np.cumsum(tree[np.arange(leaves)], dtype="f8")
        found = tree.find(mass)
        assert (tree[found] > 0).all()
        assert (mass <= ends[found] * (1 + 1e-9)).all()
        assert (mass >= (ends - plain)[found] - 1e-5).all()
    tree.clear()
    assert tree.total == 0


def test_draws_are_stratified_and_in_proportion() -> None:
    tree = SumTree(100_000)
    tree[np.array([5, 70_000, 99_999])] = np.array([1.0, 2.0, 5.0])
    np.random.seed(3)
    drawn = tree.draw(800)
    np.random.seed(3)
    assert (tree.draw(800) == drawn).all()
    assert [(drawn == place).sum() for place in (5, 70_000, 99_999)] == [100, 200, 500]
    source = random.Random(0)
    assert (tree.draw(8, source) == np.array([5, 70_000, 70_000] + [99_999] * 5)).all()


def test_weights_are_those_of_the_paper() -> None:
    tree = SumTree(10, smallest=True)
    tree[np.arange(10)] = np.arange(10) + 0.5
    places = np.array([9, 3, 3, 7])
    probability = (places + 0.5) / tree.total
    weight = (10 * probability) ** -0.4
    np.testing.assert_allclose(tree.weigh(places, 0.4), weight / weight.max(), rtol=1e-6)
    largest = (10 * 0.5 / tree.total) ** -0.4
    np.testing.assert_allclose(tree.weigh(places, 0.4, tree.smallest), weight / largest, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree.__setitem__([0, 10], 1.0), "places from 0 to 9, got 10"),
        (lambda tree: tree.__setitem__([-1], 1.0), "places from 0 to 9, got -1"),
        (lambda tree: tree.__setitem__([1, 2], [1.0, -1.0]), "at least 0, got -1"),
        (lambda tree: tree.__setitem__([1, 2], [1.0, float("nan")]), "finite"),
        (lambda tree: tree.__setitem__([1, 2], [1.0]), "one value for each of 2 places, got 1"),
        (lambda tree: tree.prioritize([1], [float("inf")], 0.6, 0.0), "finite"),
        (lambda tree: tree.find([1.5]), "total of 1"),
        (lambda tree: tree.smallest, "smallest=True"),
        (lambda tree: SumTree(0), "1 to 2"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(change, message) -> None:
    tree = SumTree(10)
    tree[np.array([4])] = 1.0
    with pytest.raises(ValueError, match=message):
        change(tree)
    assert tree[np.arange(10)].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert tree.total == 1


def test_pickled_and_copied_trees_are_the_same() -> None:
    tree = SumTree(100, smallest=True)
    tree[np.arange(50)] = np.arange(50)
    for other in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree)):
        assert (other[np.arange(100)] == tree[np.arange(100)]).all()
        assert (other.total, other.smallest) == (tree.total, 1)
        other[np.array([7])] = 0
    assert tree.total == sum(range(50))


def test_a_tree_of_zeros_cannot_be_drawn_from() -> None:
    with pytest.raises(ValueError, match="positive"):
        SumTree(10).draw(3)
