"""Columns: a table of rows by place, what buffers with books of their own are built on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    alone : sequence of str, optional
        Columns that are C-contiguous arrays of their own, for compiled code that wants such. A row
        of the table then takes a memory access more for each.

    Raises
    ------
    MemoryError
        A table that does not fit in this machine's memory.

    Notes
    -----
    ``columns[name]`` is a live and writable view of shape ``(rows, *field)`` without a copy. Small
    fields of a row lie together in memory, so most views have strides.

    ``columns.put(first, count, *values)`` writes consecutive rows, ``columns.scatter(rows, *values)``
    any; the values come in the order of the fields, each with a first axis of the rows. Where one is
    refused nothing is written. Of equal rows the last one counts.

    ``columns.n_step(rows, reward=..., ends=(...), n_step=..., gamma=..., newest=..., environments=1)``
    takes the rows as a ring of steps, the rows of one step's environments side by side, and returns
    for each window its last row, its discounted sum of rewards and ``gamma ** length``. A window ends at the
    first row in which one of the columns ``ends`` is not 0, and at the step ``newest``.

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

    def __init__(
        self, fields: Mapping[str, Field], rows: int, *, alone: Sequence[str] = ()
    ) -> None:
        self.fields, self.alone = dict(fields), tuple(alone)
        super().__init__(fields=self.fields, rows=rows, cast=cast, alone=self.alone)

    def __reduce__(self) -> tuple[Any, ...]:
        stored = {name: np.ascontiguousarray(self[name]) for name in self.fields}
        return _made, (type(self), self.fields, len(self), self.alone, stored)


def _made(
    cls: type[Columns],
    fields: dict[str, Field],
    rows: int,
    alone: tuple[str, ...],
    stored: dict[str, NDArray[Any]],
) -> Columns:
    columns = cls(fields, rows, alone=alone)
    for name, values in stored.items():
        columns[name][...] = values
    return columns
