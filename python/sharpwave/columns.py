"""Columns: a table of rows by place, what buffers with books of their own are built on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sharpwave import _core
from sharpwave._casting import cast
from sharpwave.field import Field


class Columns(_core.Columns):
    """Rows of named fields, written by place and gathered by place.

    :class:`sharpwave.ReplayBuffer` knows which rows belong together; here that is the caller's
    business. The adapters in ``sharpwave.compat`` keep another library's books over it.

    Parameters
    ----------
    fields : mapping of str to Field
        The columns.
    rows : int
        How many rows there are, all zeros at first.

    Raises
    ------
    MemoryError
        A table that does not fit in this machine's memory.

    Notes
    -----
    ``columns[name]`` is a live and writable view of shape ``(rows, *field)`` without a copy. Small
    fields of a row lie together in memory, so most views have strides.

    Examples
    --------
    >>> import numpy as np
    >>> from sharpwave import Field
    >>> from sharpwave.columns import Columns
    >>> columns = Columns({"obs": Field((2,)), "reward": Field()}, rows=4)
    >>> columns.put(1, 1, [0.5, 0.25], 1.0)
    >>> columns["reward"][2] = 7.0
    >>> columns.take(np.array([2, 1]))["reward"]
    array([7., 1.], dtype=float32)
    """

    def __init__(self, fields: Mapping[str, Field], rows: int) -> None:
        super().__init__(fields=dict(fields), rows=rows, cast=cast)


class Source(Protocol):
    """What has ``random()``: ``np.random`` itself, its generators, ``random.Random``."""

    def random(self) -> float:
        """Return a number from 0 up to 1."""


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
    >>> from sharpwave.columns import integers
    >>> np.random.seed(0)
    >>> first = integers(10, 3)
    >>> np.random.seed(0)
    >>> bool((integers(10, 3) == first).all())
    True
    """
    part = np.random.random() if source is None else source.random()  # noqa: NPY002
    return _core.integers(below, count, int(part * 2**53))
