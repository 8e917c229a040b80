"""SamplesPerInsert: how often a row is learnt from, kept the same by those who add and who learn."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable


class SamplesPerInsert:
    """Hold up threads that add or sample, so that each inserted row is sampled ``ratio`` times.

    The rules are those of Reverb's rate limiter (Cassirer et al. 2021, arXiv:2102.04736). With
    ``lead = ratio * inserts - samples``, and ``ratio * min_size`` for the lead from which sampling
    begins: a call of :meth:`sample` may leave a lead of at least ``ratio * min_size -
    error_buffer``, and one of :meth:`insert` one of at most ``ratio * min_size + error_buffer``.
    Until ``min_size`` rows are inserted nothing is sampled, and inserting is free.

    Parameters
    ----------
    ratio : float
        Rows sampled for each row inserted, above 0: with batches of 32 every 4 steps it is 8.
    min_size : int
        How many rows are inserted before the first is sampled, at least 1.
    error_buffer : float
        How far the lead may stray. A call of so many rows that it could never be allowed is an
        error: ``2 * error_buffer`` has to be at least the rows of one ``sample`` and ``ratio`` times
        those of one ``insert``.

    Raises
    ------
    ValueError
        A number out of its range, or an ``error_buffer`` that single rows could not pass.

    Notes
    -----
    It counts rows and knows no buffer. Report rows right *after* ``buffer.add``: then what has been
    counted can be drawn. All methods may be called from any thread.

    Examples
    --------
    >>> import sharpwave as sw
    >>> limiter = sw.SamplesPerInsert(2.0, min_size=3, error_buffer=4.0)
    >>> limiter.insert(3)
    >>> limiter.can_sample(4), limiter.can_sample(5)
    (True, False)
    >>> limiter.sample(4)
    >>> limiter.can_insert(4), limiter.can_insert(5)
    (True, False)
    """

    def __init__(self, ratio: float, *, min_size: int, error_buffer: float) -> None:
        if not 0.0 < ratio < float("inf"):
            raise ValueError(f"ratio: expected a finite number above 0, got {ratio!r}")
        self._ratio = float(ratio)
        self._min_size = _checked_rows("min_size", min_size)
        self._error_buffer = float(error_buffer)
        if not error_buffer >= max(1.0, ratio):
            raise ValueError(
                f"error_buffer: expected at least max(1, ratio) = {max(1.0, ratio)}, or no row could "
                f"pass; got {error_buffer!r}"
            )
        self._changed = threading.Condition()
        self._inserts = 0
        self._samples = 0
        self._largest_insert = 1
        self._largest_sample = 1
        self._is_closed = False

    def insert(self, n: int = 1, timeout: float | None = None) -> None:
        """Wait until ``n`` more rows may be inserted, and count them.

        Parameters
        ----------
        n : int
            How many.
        timeout : float, optional
            Seconds to wait at most. Default: for ever.

        Raises
        ------
        TimeoutError
            The time is over; nothing was counted.
        RuntimeError
            The limiter is closed.
        ValueError
            ``n`` is no positive integer, or so large that this call, or a call of :meth:`sample`
            that was made before, could wait for ever.
        """
        rows = _checked_rows("n", n)
        with self._changed:
            if self._inserts >= self._min_size:
                self._check_passes(max(rows, self._largest_insert), self._largest_sample)
                self._largest_insert = max(rows, self._largest_insert)
            self._wait(lambda: self._may_insert(rows), timeout, "insert")
            self._inserts += rows
            self._changed.notify_all()

    def sample(self, n: int = 1, timeout: float | None = None) -> None:
        """Wait until ``n`` more rows may be sampled, and count them.

        Parameters
        ----------
        n : int
            How many; the batch size.
        timeout : float, optional
            Seconds to wait at most. Default: for ever.

        Raises
        ------
        TimeoutError
            The time is over; nothing was counted.
        RuntimeError
            The limiter is closed.
        ValueError
            As for :meth:`insert`.
        """
        rows = _checked_rows("n", n)
        with self._changed:
            self._check_passes(self._largest_insert, max(rows, self._largest_sample))
            self._largest_sample = max(rows, self._largest_sample)
            self._wait(lambda: self._may_sample(rows), timeout, "sample")
            self._samples += rows
            self._changed.notify_all()

    def can_insert(self, n: int = 1) -> bool:
        """Whether :meth:`insert` would not wait now."""
        with self._changed:
            return self._may_insert(_checked_rows("n", n))

    def can_sample(self, n: int = 1) -> bool:
        """Whether :meth:`sample` would not wait now: for loops of one thread that does both."""
        with self._changed:
            return self._may_sample(_checked_rows("n", n))

    @property
    def inserts(self) -> int:
        """Rows inserted so far."""
        return self._inserts

    @property
    def samples(self) -> int:
        """Rows sampled so far."""
        return self._samples

    def close(self) -> None:
        """End all waiting: whoever waits, and whoever calls from now on, gets a RuntimeError."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def __repr__(self) -> str:
        return (
            f"SamplesPerInsert({self._ratio}, min_size={self._min_size}, "
            f"error_buffer={self._error_buffer}; {self._inserts} inserts, {self._samples} samples)"
        )

    def _may_insert(self, rows: int) -> bool:
        if self._inserts < self._min_size:
            return True
        return self._lead(self._inserts + rows, self._samples) <= self._error_buffer

    def _may_sample(self, rows: int) -> bool:
        if self._inserts < self._min_size:
            return False
        return self._lead(self._inserts, self._samples + rows) >= -self._error_buffer

    def _lead(self, inserts: int, samples: int) -> float:
        return self._ratio * (inserts - self._min_size) - samples

    def _check_passes(self, insert: int, sample: int) -> None:
        least = (self._ratio * insert + sample) / 2
        if self._error_buffer < least:
            raise ValueError(
                f"n: with inserts of {insert} and samples of {sample} rows both sides could wait for "
                f"ever; expected an error_buffer of at least {least}, got {self._error_buffer}"
            )

    def _wait(self, is_allowed: Callable[[], bool], timeout: float | None, what: str) -> None:
        self._changed.wait_for(lambda: self._is_closed or is_allowed(), timeout)
        if self._is_closed:
            raise RuntimeError("the limiter is closed")
        if not is_allowed():
            raise TimeoutError(f"{what}: not allowed within {timeout} seconds")


def _checked_rows(name: str, rows: int) -> int:
    try:
        count = 0 if isinstance(rows, bool) else operator.index(rows)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {rows!r}")
    return count
