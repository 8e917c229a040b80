"""What is due when a step counter moves on, by one step or by several at once."""

from __future__ import annotations


class Every:
    """Counts the multiples of an interval that a growing step counter has passed.

    Parameters
    ----------
    interval
        Steps between; 0 for never.
    start
        The first step that may count.

    Examples
    --------
    >>> from sharpwave.training.schedule import Every
    >>> every = Every(10, start=15)
    >>> [every.due(step) for step in (10, 19, 20, 21, 52)]
    [0, 0, 1, 0, 3]
    """

    __slots__ = ("_interval", "_next")

    def __init__(self, interval: int, start: int = 1) -> None:
        self._interval = interval
        self._next = -(-max(start, 1) // interval) * interval if interval else float("inf")

    def due(self, step: int) -> int:
        """How many multiples lie above the last step asked about, up to and including this one."""
        if step < self._next:
            return 0
        times = int(step - self._next) // self._interval + 1
        self._next += times * self._interval
        return times
