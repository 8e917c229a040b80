"""Learning curves: the seeds of a group as one line, with a band around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sharpwave.agents import checks
from sharpwave.training.groups import Group, by_label, by_settings
from sharpwave.training.runs import Run, Series, find_runs
from sharpwave.training.statistics import FloatArray, align, bootstrap, iqm, moving_mean

Source = Literal["evaluation", "training"]
Statistic = Literal["IQM", "mean"]

MOST_POINTS = 400  # more cannot be told apart on paper
TRAINING_POINTS = 100
LEAST_FOR_IQM = 4  # of fewer, the interquartile mean is the mean


@dataclass(frozen=True)
class Curve:
    """The returns of several seeds over environment steps; ``print(curve)`` shows where it ends.

    Attributes
    ----------
    env, label : str
        The environment's id, and what the runs have in common.
    source : {"evaluation", "training"}
        Which returns: of greedy evaluations, or of the episodes of training, smoothed.
    seeds : int
        How many runs.
    statistic : {"IQM", "mean"}
        What ``value`` is: the interquartile mean over seeds, which is the mean of fewer than four.
    steps, value : ndarray
        float64 of shape (P,).
    low, high : ndarray
        The ends of its bootstrap interval, of shape (P,); NaN of a single seed.
    """

    env: str
    label: str
    source: Source
    seeds: int
    statistic: Statistic
    steps: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray

    def __str__(self) -> str:
        where = f"{self.env}  {self.label}  step {self.steps[-1]:.0f}"
        if self.seeds == 1:
            return f"{where}  {self.source} return {self.value[-1]:.2f}, 1 seed"
        interval = f"[{self.low[-1]:.2f}, {self.high[-1]:.2f}]"
        what = f"{self.statistic} of {self.source} returns"
        return f"{where}  {what} {self.value[-1]:.2f} {interval}, {self.seeds} seeds"


def curves(
    folders: Sequence[str | Path],
    *,
    y: Source = "evaluation",
    labels: Sequence[str] | None = None,
    window: float = 0.05,
    level: float = 0.95,
    seed: int = 0,
) -> list[Curve]:
    r"""Read runs, put those together that differ in their seed alone, and return a curve for each.

    A curve goes as far as all its runs have come; those that ended as solved keep their last value
    instead. A run without any return yet is left out.

    Parameters
    ----------
    folders
        Of runs, or of folders of runs at any depth.
    y
        Returns of the greedy evaluations, or of the episodes of training. Runs without evaluations
        show their episodes in either case.
    labels
        A name for each folder: its runs in an environment are then one curve, whatever their
        settings. Without, a curve is named by its algorithm and the settings in which it differs
        from others of that algorithm in that environment.
    window
        Training returns at a step are the mean over the episodes that ended in this share of the
        curve's length before it.
    level
        Of the intervals.
    seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        A folder without runs; runs without returns; a seed twice in one curve.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from sharpwave.training.curves import curves
    >>> for seed, last in ((0, 30), (1, 50)):
    ...     folder = Path("runs", str(seed))
    ...     folder.mkdir(parents=True)
    ...     config = {"env": "CartPole-v1", "agent": {}, "training": {"seed": seed}}
    ...     _ = (folder / "config.json").write_text(json.dumps(config))
    ...     table = f"step,episodes,mean_return,std_return\n100,5,10,0\n200,5,{last},0\n"
    ...     _ = (folder / "evaluations.csv").write_text(table)
    >>> print(*curves(["runs"]))
    CartPole-v1  dqn  step 200  mean of evaluation returns 40.00 [30.00, 50.00], 2 seeds
    """
    checks.choice("y", y, ("evaluation", "training"))
    window = checks.number("window", window, above=0, at_most=1)
    found = find_runs(folders)
    groups = by_settings(found) if labels is None else by_label(found, labels)
    made = [_curve(group, y, window, level, seed) for group in groups]
    kept = [curve for curve in made if curve is not None]
    if not kept:
        raise ValueError(
            f"{', '.join(map(str, folders))}: expected runs with returns, but no evaluation and no "
            "episode of training is finished"
        )
    return kept


def _curve(group: Group, y: Source, window: float, level: float, seed: int) -> Curve | None:
    source, read = _read(group.runs, y)
    if not read:
        return None
    series, end = [one for one, _ in read], _end(read)
    begin = max(steps[0] for steps, _ in series)
    if source == "evaluation":
        steps = _common_steps(series, begin, end)
        values = align(series, steps)
    else:
        grid = np.linspace(0, end, TRAINING_POINTS + 1)
        steps = grid[grid >= begin]
        values = np.array([moving_mean(*one, steps, window * end) for one in series])
    if not len(steps):
        return None
    seeds = len(values)
    low = high = np.full(len(steps), np.nan)
    if seeds > 1:
        low, high = bootstrap(values, level=level, seed=seed)
    statistic: Statistic = "mean" if seeds < LEAST_FOR_IQM else "IQM"
    return Curve(*group[:2], source, seeds, statistic, steps, iqm(values), low, high)


def _read(runs: Sequence[Run], y: Source) -> tuple[Source, list[tuple[Series, bool]]]:
    """Where returns are from; those of each run that has some, and whether it was solved."""
    if y == "evaluation":
        read = [(run.evaluations(), run.solved) for run in runs]
        if any(len(steps) for (steps, _), _ in read):
            return y, _not_empty(read)
    return "training", _not_empty([(run.episodes(), run.solved) for run in runs])


def _not_empty(read: list[tuple[Series, bool]]) -> list[tuple[Series, bool]]:
    return [(series, solved) for series, solved in read if len(series[0])]


def _end(read: list[tuple[Series, bool]]) -> float:
    # What an unsolved run would have done after its last step nobody knows.
    unsolved = [float(steps[-1]) for (steps, _), solved in read if not solved]
    return min(unsolved) if unsolved else max(float(steps[-1]) for (steps, _), _ in read)


def _common_steps(series: list[Series], begin: float, end: float) -> FloatArray:
    steps = np.unique(np.concatenate([steps for steps, _ in series]))
    steps = steps[(begin <= steps) & (steps <= end)]
    return steps if len(steps) <= MOST_POINTS else np.linspace(begin, end, MOST_POINTS)
