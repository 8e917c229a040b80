"""Where the rows of a buffer lie: tables by place, and columns whose rows overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sharpwave.columns import Columns
from sharpwave.field import Field

Array: TypeAlias = NDArray[Any]
Rows: TypeAlias = NDArray[np.int64]


class _Mapped(dict[str, Array]):
    """Columns in a file each."""

    def __init__(self, fields: Mapping[str, Field], rows: int, prefix: str) -> None:
        for name, field in fields.items():
            path, shape = f"{prefix}_{name}.dat", (rows, *field.shape)
            # as a plain array, of which NumPy takes rows much faster than of a memmap
            self[name] = np.asarray(np.memmap(path, field.dtype, "w+", shape=shape))

    def put(self, first: int, count: int, *values: Array) -> None:
        for column, value in zip(self.values(), values, strict=True):
            column[first : first + count] = value

    def take(self, rows: Rows) -> dict[str, Array]:
        return {name: column[rows] for name, column in self.items()}


class Table:
    """Rows of fields by place, in memory or in files.

    Parameters
    ----------
    fields : mapping of str to Field
    rows : int
    prefix : str, optional
        Where the files begin: ``{prefix}_{name}.dat``. By default the rows are in memory.
    """

    def __init__(self, fields: Mapping[str, Field], rows: int, prefix: str | None = None) -> None:
        self.fields, self.rows = fields, rows
        self.columns = _Mapped(fields, rows, prefix) if prefix else Columns(fields, rows)
        self.put, self.take = self.columns.put, self.columns.take

    def packed(self, used: int) -> dict[str, Any]:
        """Return what :meth:`unpacked` makes a table in memory of: its first ``used`` rows."""
        written = {name: self.columns[name][:used] for name in self.fields}
        return {"fields": self.fields, "rows": self.rows, "written": written}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> Table:
        """Make a table of what :meth:`packed` returned."""
        table = cls(packed["fields"], packed["rows"])
        for name, values in packed["written"].items():
            table.columns[name][: len(values)] = values
        return table


class Overlapping:
    """A column whose rows have values in common, each of them stored once.

    Row i of a stack of n frames is frames i to i + n - 1 of the table, and its successor is
    row i + 1; n is 1 where nothing is stacked. What does not follow from its neighbours is kept
    aside, so that what was added is what is sampled: a stack that a write is about to change, and
    a successor that is not the next row.

    Parameters
    ----------
    name : str
    field : Field
        A row's value; of a stack, the last axis is that of its frames.
    rows : int
    stacked, followed : bool
        Whether it is a stack, and whether the successors of its rows are sampled too.
    prefix : str, optional
        As for :class:`Table`.
    """

    def __init__(
        self,
        name: str,
        field: Field,
        rows: int,
        *,
        stacked: bool,
        followed: bool,
        prefix: str | None = None,
    ) -> None:
        self.name, self.rows, self.stacked, self.followed = name, rows, stacked, followed
        self.frames = field.shape[-1] if stacked else 1
        frame = Field(field.shape[:-1], field.dtype) if stacked else field
        self.table = Table({name: frame}, rows + self.frames, prefix)
        self.view = self.table.columns[name]
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self.next = self.stored = 0
        self.stacks: dict[int, Array] = {}
        self.successors: dict[int, Array] = {}
        self.has_stack = np.zeros(self.rows + 1, bool)  # one more: what the last row looks at
        self.has_successor = np.zeros(self.rows, bool)

    def append(self, values: Array, successors: Array | None) -> None:
        """Add rows of shape (count, *field) behind the newest, over the oldest."""
        after = None if successors is None else self._frames_first(successors)
        for i, frames in enumerate(self._frames_first(values)):
            self._append(frames, None if after is None else after[i])

    def _frames_first(self, values: Array) -> Array:
        """As values lie here: (count, frames, *frame)."""
        if self.stacked:
            return np.ascontiguousarray(np.moveaxis(values, -1, 1))
        return values[:, None]

    def _append(self, frames: Array, successor: Array | None) -> None:
        row, end = self.next, self.next + self.frames
        if successor is not None:
            self._follow(row - 1, frames)
            self.successors[row] = successor.copy()
            self.has_successor[row] = True
        if self.frames > 1:
            self._part(row, frames)
        self.view[row:end] = frames
        self.stored = max(self.stored, row + 1)
        self.next = (row + 1) % self.rows

    def _follow(self, row: int, frames: Array) -> None:
        """Forget the successor of a row where it is the row that comes behind it."""
        # that of the last row stays: behind it lies none
        successor = self.successors.get(row)
        if successor is not None and successor.tobytes() == frames.tobytes():
            del self.successors[row]
            self.has_successor[row] = False

    def _part(self, row: int, frames: Array) -> None:
        """Keep the stacks that a write of these frames would change, and forget that of its row."""
        end = row + self.frames
        self._keep(range(row + 1, min(end, self.stored)))  # these lose their first frames
        if frames[:-1].tobytes() != self.view[row : end - 1].tobytes():
            self._keep(range(max(row - self.frames + 1, 0), row))  # and these their last ones
        self.stacks.pop(row, None)
        self.has_stack[row] = False

    def _keep(self, rows: range) -> None:
        for row in rows:
            if not self.has_stack[row]:
                self.stacks[row] = self.view[row : row + self.frames].copy()
                self.has_stack[row] = True

    def take(self, rows: Rows) -> dict[str, Array]:
        """Return fresh arrays of shape (len(rows), *field): the values, and their successors."""
        if not self.followed:
            return {self.name: self._frames_last(self._frames_of(rows))}
        count = len(rows)
        both = self._frames_of(np.concatenate((rows, rows + 1)))
        for i in self.has_successor[rows].nonzero()[0]:
            both[count + i] = self.successors[int(rows[i])]
        both = self._frames_last(both)
        return {self.name: both[:count], f"next_{self.name}": both[count:]}

    def _frames_of(self, rows: Rows) -> Array:
        if self.frames == 1:
            return self.table.take(rows)[self.name][:, None]
        every = (rows[:, None] + np.arange(self.frames)).ravel()
        taken = self.table.take(every)[self.name]
        frames = taken.reshape(len(rows), self.frames, *taken.shape[1:])
        for i in self.has_stack[rows].nonzero()[0]:
            frames[i] = self.stacks[int(rows[i])]
        return frames

    def _frames_last(self, frames: Array) -> Array:
        return np.moveaxis(frames, 1, -1) if self.stacked else frames[:, 0]

    def __getstate__(self) -> dict[str, Any]:
        used = min(self.stored + self.frames, self.table.rows)
        return {**self.__dict__, "table": self.table.packed(used), "view": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.table = Table.unpacked(state["table"])
        self.view = self.table.columns[self.name]
