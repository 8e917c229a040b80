"""What several seeds say together: interquartile means, bootstrap intervals, curves at common steps.

Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(arXiv:2108.13264): with a few seeds, the interquartile mean is less swayed by one of them than the
mean and less wasteful than the median, and an interval belongs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sharpwave.agents import checks

FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray, int], FloatArray]

VALUES_AT_ONCE = 4_000_000  # 32 MB of resampled values


def iqm(values: npt.ArrayLike, axis: int = 0) -> FloatArray:
    """Return the interquartile mean: of n values, without the n // 4 smallest and largest.

    This is the definition of Agarwal et al. 2021 as their library rliable computes it,
    ``scipy.stats.trim_mean(values, 0.25)``. Of fewer than four values it is the mean.

    Parameters
    ----------
    values : array_like
        At least one along ``axis``. NaN gives NaN.
    axis : int
        Along which to take the mean.

    Returns
    -------
    ndarray
        float64, of the shape of ``values`` without ``axis``.

    Raises
    ------
    ValueError
        No values.

    Examples
    --------
    >>> from sharpwave.training.statistics import iqm
    >>> float(iqm([1.0, 2.0, 4.0, 1000.0]))
    3.0
    """
    ordered = np.sort(np.moveaxis(np.asarray(values, np.float64), axis, 0), axis=0)
    count = len(ordered)
    if not count:
        raise ValueError("values: expected at least one, got none")
    cut = count // 4
    result: FloatArray = ordered[cut : count - cut].mean(axis=0)
    # A NaN is sorted last, where it would be cut off and forgotten.
    return np.where(np.isnan(ordered[-1]), np.nan, result)


def bootstrap(
    values: npt.ArrayLike,
    statistic: Statistic = iqm,
    *,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Return the percentile bootstrap interval of a statistic over seeds (Efron 1979).

    Whole seeds are drawn with replacement, the same ones for every point of a curve: the points of
    a run depend on each other, and a band from separate draws would be ragged. It is rliable's
    stratified bootstrap for one task.

    Parameters
    ----------
    values : array_like of shape (seeds, ...)
        At least two seeds; any number of points behind.
    statistic : callable
        ``statistic(values, axis)``, without that axis.
    level : float
        The share that the interval covers, above 0 and below 1.
    resamples : int
        How often seeds are drawn.
    seed : int
        Of the draws: the same one gives the same interval.

    Returns
    -------
    tuple of two ndarrays
        Lower and upper ends, float64 of shape (...).

    Raises
    ------
    ValueError
        Fewer than two seeds, of which one says nothing about their spread; a level out of range.

    Examples
    --------
    >>> from sharpwave.training.statistics import bootstrap
    >>> low, high = bootstrap([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> low.tolist(), high.tolist()
    ([1.0, 5.0], [3.0, 5.0])
    """
    array = np.asarray(values, np.float64)
    if array.ndim == 0 or len(array) < 2:
        raise ValueError(f"values: expected at least two seeds, got shape {array.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number above 0 and below 1, got {level!r}")
    resamples = checks.integer("resamples", resamples, at_least=1)
    seeds = len(array)
    draws = np.random.default_rng(seed).integers(seeds, size=(resamples, seeds))
    columns = array.reshape(seeds, -1)
    ends = np.empty((2, columns.shape[1]))
    quantiles = ((1 - level) / 2, (1 + level) / 2)
    width = max(1, VALUES_AT_ONCE // draws.size)
    for begin in range(0, columns.shape[1], width):
        part = slice(begin, begin + width)
        ends[:, part] = np.quantile(statistic(columns[:, part][draws], 1), quantiles, axis=0)
    low, high = ends.reshape(2, *array.shape[1:])
    return low, high


def align(
    curves: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]], points: npt.ArrayLike
) -> FloatArray:
    """Bring curves that were measured at different steps onto common ones.

    Between two of its steps a curve is interpolated linearly. To carry the earlier value forward
    would put each run back by up to an interval, and the runs by different amounts. After its last
    step a curve keeps its last value, as a run that ended because it was solved keeps its network;
    leaving such a run out would leave the worse ones. Before its first step it is NaN: nothing is
    known there.

    Parameters
    ----------
    curves : sequence of (steps, values)
        Each two arrays of one length, at least 1, the steps in order.
    points : array_like of shape (P,)
        The common steps.

    Returns
    -------
    ndarray
        float64 of shape (len(curves), P).

    Raises
    ------
    ValueError
        A curve without points, or with steps that are not in order.

    Examples
    --------
    >>> from sharpwave.training.statistics import align
    >>> align([([10, 20], [0.0, 1.0]), ([5, 15], [4.0, 8.0])], [10, 15, 30]).tolist()
    [[0.0, 0.5, 1.0], [6.0, 8.0, 8.0]]
    """
    common = np.asarray(points, np.float64)
    rows = [np.interp(common, *_curve(*curve), left=np.nan) for curve in curves]
    return np.array(rows).reshape(len(rows), len(common))


def moving_mean(
    steps: npt.ArrayLike, values: npt.ArrayLike, points: npt.ArrayLike, window: float
) -> FloatArray:
    """Return the mean of the values in a window of steps that ends at each point.

    That is, of those with ``point - window < step <= point``; the last one before where there are
    none. After the last step it stays as it was there. Before the first step it is NaN.

    Parameters
    ----------
    steps, values : array_like of shape (N,)
        The steps in order; several values may have the same.
    points : array_like of shape (P,)
        Where to look back from.
    window : float
        Its length in steps, above 0.

    Returns
    -------
    ndarray
        float64 of shape (P,).

    Examples
    --------
    >>> from sharpwave.training.statistics import moving_mean
    >>> moving_mean([1, 2, 3, 9], [1.0, 2.0, 3.0, 9.0], [0, 3, 6, 9, 99], window=2).tolist()
    [nan, 2.5, 3.0, 9.0, 9.0]
    """
    x, y = _curve(steps, values)
    last = np.minimum(np.asarray(points, np.float64), x[-1])
    ends = np.searchsorted(x, last, side="right")
    begins = np.minimum(np.searchsorted(x, last - window, side="right"), ends - 1)
    pairs = zip(begins, ends, strict=True)
    return np.array([y[begin:end].mean() if end else np.nan for begin, end in pairs])


def _curve(steps: npt.ArrayLike, values: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or (np.diff(x) < 0).any():
        raise ValueError(
            "expected a curve, that is steps in order and a value for each, "
            f"got steps of shape {x.shape} and values of shape {y.shape}"
        )
    return x, y
