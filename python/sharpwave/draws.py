"""Random rows for buffers with books of their own: one number of the caller's source a call."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sharpwave import _core


class Source(Protocol):
    """What has ``random()``: ``np.random`` itself, its generators, ``random.Random``."""

    def random(self) -> float:
        """Return a number from 0 up to 1."""


def seed_of_call(source: Source | None = None) -> int:
    """Return the seed of one call: one number of the source, by default NumPy's global one."""
    part = np.random.random() if source is None else source.random()  # noqa: NPY002
    return int(part * 2**53)


def integers(below: int, count: int, source: Source | None = None) -> NDArray[np.int64]:
    """Return ``count`` integers from 0 to ``below - 1``, uniform and independent.

    Parameters
    ----------
    below, count : int
    source : Source, optional
        Where the seed of this call is taken from: one number, whatever ``count`` is. By default
        NumPy's global generator, which users of libraries that draw from it seed.

    Raises
    ------
    ValueError
        A bound below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sharpwave.draws import integers
    >>> np.random.seed(0)
    >>> first = integers(10, 3)
    >>> np.random.seed(0)
    >>> bool((integers(10, 3) == first).all())
    True
    """
    return _core.integers(below, count, seed_of_call(source))
