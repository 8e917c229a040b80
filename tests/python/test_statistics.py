"""Interquartile means, bootstrap intervals and common steps, beside plain loops."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

pytest.importorskip("torch")

from sharpwave.training import statistics as module
from sharpwave.training.statistics import align, bootstrap, iqm, moving_mean

RANDOM = np.random.default_rng(7)


def plain_iqm(values) -> float:
    ordered = sorted(values)
    cut = int(0.25 * len(ordered))
    kept = ordered[cut : len(ordered) - cut]
    return sum(kept) / len(kept)


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


# --- the interquartile mean


@pytest.mark.parametrize(
    ("values", "expected"),
    [  # what scipy.stats.trim_mean(values, 0.25) gave
        ([3.0], 3.0),
        ([1.0, 2.0, 9.0], 4.0),
        ([1.0, 2.0, 3.0, 5.0], 2.5),
        ([7.0, 1.0, 100.0, 3.0, 2.0], 4.0),
        ([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 1000.0], 35.0),
        ([-5.0, -4.0, 0.0, 1.0, 1.0, 2.0, 30.0], 0.0),
    ],
)
def test_the_iqm_of_a_few_values(values, expected) -> None:
    assert float(iqm(values)) == expected


@pytest.mark.parametrize("seeds", range(1, 14))
def test_the_iqm_of_every_point_is_that_of_a_plain_loop(seeds) -> None:
    values = RANDOM.normal(size=(seeds, 3, 2))
    expected = [[plain_iqm(values[:, i, j]) for j in range(2)] for i in range(3)]
    np.testing.assert_allclose(iqm(values), expected, rtol=1e-12)
    np.testing.assert_array_equal(iqm(np.moveaxis(values, 0, 1), axis=1), iqm(values))


def test_a_nan_is_not_cut_off_with_the_largest() -> None:
    assert np.isnan(iqm([1.0, 2.0, 3.0, np.nan]))
    np.testing.assert_array_equal(iqm([[1.0, 2.0], [np.nan, 2.0], [1, 2], [1, 2]]), [np.nan, 2.0])


def test_an_iqm_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one, got none"):
        iqm([])


# --- the bootstrap


def plain_bootstrap(values, resamples, seed) -> tuple[list[float], list[float]]:
    """Seeds drawn by the same generator, and all else in loops."""
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = [], []
    for point in range(values.shape[1]):
        found = sorted(plain_iqm([values[i][point] for i in draw]) for draw in draws)
        low.append(plain_quantile(found, 0.025))
        high.append(plain_quantile(found, 0.975))
    return low, high


def plain_quantile(ordered, share) -> float:
    """Linear between order statistics: Hyndman and Fan 1996, definition 7."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


@pytest.mark.parametrize("seeds", [2, 3, 4, 5, 8])
def test_an_interval_is_that_of_a_plain_loop(seeds) -> None:
    values = RANDOM.normal(size=(seeds, 3))
    for got, expected in zip(
        bootstrap(values, resamples=150, seed=4), plain_bootstrap(values, 150, 4), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_the_number_of_points_at_once_changes_nothing(monkeypatch) -> None:
    values = RANDOM.normal(size=(5, 4, 3))
    whole = bootstrap(values)
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 1)
    for got, expected in zip(bootstrap(values), whole, strict=True):
        assert got.shape == (4, 3)
        np.testing.assert_array_equal(got, expected)


def test_one_seed_one_interval_and_no_global_generator() -> None:
    values = RANDOM.normal(size=6)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_a_lower_level_gives_a_narrower_interval() -> None:
    values = RANDOM.normal(size=10)
    low, high = bootstrap(values)
    inner_low, inner_high = bootstrap(values, level=0.5)
    assert low < inner_low < inner_high < high


def test_any_statistic_may_be_asked_for() -> None:
    values = RANDOM.normal(size=(9, 2))
    low, high = bootstrap(values, np.median)
    assert set(low) | set(high) <= set(values.ravel().tolist())


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    samples = np.random.default_rng(1).normal(size=(20, 400))
    low, high = bootstrap(samples, np.mean, resamples=500)
    share = np.mean((low <= 0) & (high >= 0))
    # A percentile interval of 20 is a little too narrow: about 0.93 of a promised 0.95.
    assert 0.89 <= share <= 0.97
    narrow_low, narrow_high = bootstrap(samples, np.mean, resamples=500, level=0.8)
    assert np.mean((narrow_low <= 0) & (narrow_high >= 0)) < 0.89  # the power of the test


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([[1.0, 2.0]], {}, r"expected at least two seeds, got shape \(1, 2\)"),
        (1.0, {}, r"expected at least two seeds, got shape \(\)"),
        ([1.0, 2.0], {"level": 1.0}, "level: expected a number above 0 and below 1, got 1.0"),
        ([1.0, 2.0], {"resamples": 0}, "resamples: expected an integer of at least 1"),
    ],
)
def test_what_an_interval_cannot_be_of(values, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap(values, **options)


# --- common steps


def plain_value(point, steps, values) -> float:
    if point < steps[0]:
        return float("nan")
    for i in range(len(steps) - 1):
        if steps[i] <= point <= steps[i + 1]:
            share = (point - steps[i]) / (steps[i + 1] - steps[i])
            return values[i] + share * (values[i + 1] - values[i])
    return values[-1]


def test_curves_at_common_steps_are_those_of_a_plain_loop() -> None:
    curves = []
    for length in (1, 2, 5, 30):
        steps = np.cumsum(RANDOM.integers(1, 9, length))
        curves.append((steps, RANDOM.normal(size=length)))
    points = np.arange(0, 150, 1.5)
    expected = [[plain_value(point, *curve) for point in points] for curve in curves]
    np.testing.assert_allclose(align(curves, points), expected, rtol=1e-12)


def test_a_curve_at_its_own_steps_is_itself() -> None:
    values = RANDOM.normal(size=5)
    steps = [3, 4, 8, 9, 20]
    assert align([(steps, values)], steps)[0].tolist() == values.tolist()


def test_no_curves_and_no_points() -> None:
    assert align([], [1, 2]).shape == (0, 2)
    assert align([([1], [2.0])], []).shape == (1, 0)


@pytest.mark.parametrize(
    "curve", [([], []), ([1, 2], [1.0]), ([2, 1], [1.0, 2.0]), ([[1]], [[1.0]])]
)
def test_what_is_no_curve_is_refused(curve) -> None:
    for call in (lambda: align([curve], [1]), lambda: moving_mean(*curve, [1], 1)):
        with pytest.raises(ValueError, match="expected a curve, that is steps in order"):
            call()


def plain_moving_mean(steps, values, point, window) -> float:
    point = min(point, steps[-1])
    inside = [v for s, v in zip(steps, values, strict=True) if point - window < s <= point]
    before = [v for s, v in zip(steps, values, strict=True) if s <= point]
    if inside:
        return sum(inside) / len(inside)
    return before[-1] if before else float("nan")


@pytest.mark.parametrize("window", [0.5, 3, 25, 1000])
def test_a_moving_mean_is_that_of_a_plain_loop(window) -> None:
    steps = np.cumsum(RANDOM.integers(0, 9, 60)) + 4  # several may end at one step
    values = RANDOM.normal(size=60)
    points = np.arange(0, steps[-1] + 20)
    expected = [plain_moving_mean(steps, values, point, window) for point in points]
    np.testing.assert_allclose(moving_mean(steps, values, points, window), expected, rtol=1e-12)
