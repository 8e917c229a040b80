"""Columns: a table of rows by place, what buffers with books of their own are built on."""

from __future__ import annotations

from collections.abc import Mapping

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
