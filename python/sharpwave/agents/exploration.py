"""How much an agent explores, as a function of the environment steps taken."""

from __future__ import annotations

from typing import Any


def linear(step: int, start: float, end: float, duration: float) -> float:
    """Return the value at ``step`` of a line from ``start`` to ``end``, which lasts ``duration``.

    It depends on the step alone, so whoever continues a run at its step continues its schedule.

    Parameters
    ----------
    step
        Environment steps taken so far.
    start, end
        The first and the last value.
    duration
        Steps between the two; with 0 the value is `end` at once.

    Examples
    --------
    >>> from sharpwave.agents import linear
    >>> [linear(step, 1.0, 0.5, 100) for step in (0, 50, 100, 1000)]
    [1.0, 0.75, 0.5, 0.5]
    """
    if step >= duration:
        return end
    return start + (end - start) * (step / duration)


def epsilon(config: Any, step: int, steps: int) -> float:
    """Return the chance of a random action at ``step`` of a run of ``steps``.

    Parameters
    ----------
    config
        Has ``epsilon_start``, ``epsilon_end``, and ``exploration_fraction``: the share of the run
        over which the one becomes the other.
    step, steps
        Environment steps taken so far, and in all.
    """
    duration = config.exploration_fraction * steps
    return linear(step, config.epsilon_start, config.epsilon_end, duration)
