"""Targets against the formula in float64, and the cases where a fast maximum goes wrong."""

from __future__ import annotations

import numpy as np
import pytest

import sharpwave as sw

QS = "next_q|Q-values"
SIZES = [(1, 1), (1, 7), (5, 1), (32, 2), (33, 4), (64, 18), (257, 31), (100, 257)]


def plain_target(reward, discount, next_q) -> np.ndarray:
    return np.array([r + g * max(q) for r, g, q in zip(reward, discount, next_q, strict=True)])


def plain_double_target(reward, discount, online, target) -> np.ndarray:
    rows = zip(reward, discount, online, target, strict=True)
    return np.array([r + g * t[list(q).index(max(q))] for r, g, q, t in rows])


def random_case(batch: int, actions: int, dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng([batch, actions])
    return [
        rng.normal(size=batch).astype(dtype),
        (0.99 * (rng.random(batch) > 0.2)).astype(dtype),
        rng.normal(size=(batch, actions)).astype(dtype),
        rng.normal(size=(batch, actions)).astype(dtype),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("batch", "actions"), SIZES)
def test_targets_equal_the_formula(batch, actions, dtype) -> None:
    reward, discount, online, target = random_case(batch, actions, dtype)
    wide = [array.astype("float64").tolist() for array in (reward, discount, online, target)]
    single = sw.td.target(reward, discount, target)
    double = sw.td.double_target(reward, discount, online, target)
    assert (single.shape, single.dtype, double.dtype) == ((batch,), dtype, dtype)
    single_expected = plain_target(wide[0], wide[1], wide[3])
    np.testing.assert_allclose(single, single_expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(double, plain_double_target(*wide), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("batch", "actions"), [(1, 1), (33, 4)])
def test_torch_gives_the_same_numbers_as_tensors(batch, actions, dtype) -> None:
    torch = pytest.importorskip("torch")
    arrays = random_case(batch, actions, dtype)
    tensors = [torch.from_numpy(array) for array in arrays]
    single, double = sw.td.target(*tensors[:3]), sw.td.double_target(*tensors)
    assert isinstance(single, torch.Tensor)
    assert isinstance(double, torch.Tensor)
    np.testing.assert_array_equal(single.numpy(), sw.td.target(*arrays[:3]))
    np.testing.assert_array_equal(double.numpy(), sw.td.double_target(*arrays))


def test_the_maximum_is_over_the_actions_of_each_row() -> None:
    reward, discount = np.array([1.0, 2.0]), np.array([2.0, 2.0])
    result = sw.td.target(reward, discount, np.array([[1.0, 2.0], [5.0, 3.0]]))
    assert result.tolist() == [5.0, 12.0]


def test_the_double_target_picks_online_and_values_by_the_target_network() -> None:
    one, zero = np.ones(1), np.zeros(1)
    result = sw.td.double_target(zero, one, np.array([[1.0, 2.0]]), np.array([[10.0, 5.0]]))
    assert result.tolist() == [5.0]


@pytest.mark.parametrize("actions", [2, 3, 4, 8, 17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_equal_actions_the_first_counts(actions, dtype) -> None:
    online = np.zeros((actions, actions), dtype)
    for row in range(actions):
        online[row, row:] = 1  # equal from `row` on
    values = np.tile(np.arange(actions, dtype=dtype), (actions, 1))
    zeros, ones = np.zeros(actions, dtype), np.ones(actions, dtype)
    assert sw.td.double_target(zeros, ones, online, values).tolist() == list(range(actions))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("actions", [1, 2, 3, 4, 5, 8, 16, 18])
def test_a_nan_is_never_lost(actions, dtype) -> None:
    for place in range(actions):
        next_q = np.ones((3, actions), dtype)
        next_q[1, place] = np.nan
        zeros, ones = np.zeros(3, dtype), np.ones(3, dtype)
        single = sw.td.target(zeros, ones, next_q)
        assert np.isnan(single).tolist() == [False, True, False]
        # As numpy.argmax and torch.argmax: NaN is the largest, so its action is the one valued.
        double = sw.td.double_target(zeros, ones, next_q, next_q)
        assert np.isnan(double).tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_and_negative_values(dtype) -> None:
    next_q = np.array([[-np.inf, -5.0], [np.inf, 1.0], [-3.0, -7.0], [-np.inf, -np.inf]], dtype)
    result = sw.td.target(np.zeros(4, dtype), np.ones(4, dtype), next_q)
    assert result.tolist() == [-5.0, np.inf, -3.0, -np.inf]


@pytest.mark.parametrize("tensors", [False, True])
def test_out_receives_the_result(tensors) -> None:
    arrays = random_case(33, 4, "float32")
    expected = sw.td.target(*arrays[:3])
    expected_double = sw.td.double_target(*arrays)
    out = np.empty(33, "float32")
    if tensors:
        torch = pytest.importorskip("torch")
        arrays, out = [torch.from_numpy(array) for array in arrays], torch.from_numpy(out)
    assert sw.td.target(*arrays[:3], out=out) is out
    np.testing.assert_array_equal(np.asarray(out), expected)
    assert sw.td.double_target(*arrays, out=out) is out
    np.testing.assert_array_equal(np.asarray(out), expected_double)
    # In place: the reward may become the target.
    assert sw.td.target(*arrays[:3], out=arrays[0]) is arrays[0]
    np.testing.assert_array_equal(np.asarray(arrays[0]), expected)


@pytest.mark.parametrize("tensors", [False, True])
def test_strided_input_and_output(tensors) -> None:
    arrays = random_case(20, 6, "float32")
    expected = sw.td.double_target(*arrays)
    reward, discount = (np.repeat(array, 3)[::3] for array in arrays[:2])
    online, target = (np.asfortranarray(array) for array in arrays[2:])
    out = np.zeros(40, "float32")
    inputs, slot = [reward, discount, online, target], out[1::2]
    if tensors:
        torch = pytest.importorskip("torch")
        inputs, slot = [torch.from_numpy(array) for array in inputs], torch.from_numpy(slot)
    np.testing.assert_array_equal(np.asarray(sw.td.double_target(*inputs)), expected)
    sw.td.double_target(*inputs, out=slot)
    np.testing.assert_array_equal(out[1::2], expected)
    assert not out[::2].any()


@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        (((3,), (3,), (3,)), QS),
        (((3,), (3,), (2, 4)), QS),
        (((3,), (3,), (3, 0)), QS),
        (((3,), (3, 1), (3, 4)), "discount"),
        (((3,), (), (3, 4)), "discount"),
        (((3, 1), (3,), (3, 4)), "reward"),
        (((1,), (3,), (3, 4)), "reward|discount"),
    ],
)
def test_nothing_is_broadcast(shapes, name) -> None:
    with pytest.raises(ValueError, match=name):
        sw.td.target(*(np.zeros(shape, "float32") for shape in shapes))


def test_other_mistakes_are_named() -> None:
    zeros, values = np.zeros(3, "float32"), np.zeros((3, 4), "float32")
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(3, 2\)"):
        sw.td.double_target(zeros, zeros, values, values[:, :2])
    with pytest.raises(ValueError, match="out"):
        sw.td.target(zeros, zeros, values, out=np.zeros(4, "float32"))
    with pytest.raises((ValueError, TypeError), match="int64"):
        sw.td.target(zeros, zeros, values.astype("int64"))
    assert sw.td.target(zeros[:0], zeros[:0], values[:0]).shape == (0,)


def test_a_target_is_a_constant_whatever_came_in() -> None:
    torch = pytest.importorskip("torch")
    ones, values = torch.ones(3), torch.zeros((3, 4), requires_grad=True)
    for dtype in (torch.float32, torch.float16):  # ours, and torch's own
        target = sw.td.target(ones.to(dtype), ones.to(dtype), values.to(dtype))
        assert not target.requires_grad
        assert target.tolist() == [1, 1, 1]
