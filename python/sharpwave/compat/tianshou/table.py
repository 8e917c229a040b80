"""The rows of a buffer: a tree of arrays, most of which are columns of one table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from operator import is_
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tianshou.data import Batch
from tianshou.data.batch import create_value

from sharpwave.columns import Columns
from sharpwave.field import Field

Array: TypeAlias = NDArray[Any]
Rows: TypeAlias = NDArray[np.integer[Any]]

_REQUIRED = ("obs", "act", "rew", "terminated", "truncated", "done")
_OPTIONAL = ("obs_next", "info", "policy")
# Without strides: Tianshou's compiled functions would be compiled anew for arrays that have them, and
# its n-step returns copy the whole of ``done`` at every call.
_ALONE = ("0 rew", "0 done")

_empty = Batch.__new__  # Batch() looks at its arguments first


class Table:
    """The arrays of a ``_meta``, read and written by row.

    Parameters
    ----------
    meta : Batch
        The tree: each value an array or tensor with a row a transition, or a Batch of such.
    columns : Columns, optional
        The table that some of the arrays are columns of.
    views : mapping of str to ndarray
        Those arrays, by the names of their columns.
    """

    def __init__(
        self,
        meta: Batch,
        columns: Columns | None = None,
        views: Mapping[str, Array] | None = None,
    ) -> None:
        self.meta, self.columns, self.views = meta, columns, dict(views or {})
        names = {id(view): name for name, view in self.views.items()}
        # Each Batch of the tree: the node that holds it, and its key there.
        self.nodes = [(0, "")]
        self.held = [meta.__dict__]
        # Each array: its node, its key, and its column or itself.
        self.in_columns: list[tuple[int, str, str]] = []
        self.apart: list[tuple[int, str, Any]] = []
        for node, values in enumerate(self.held):  # which grows meanwhile
            for key, value in values.items():
                if isinstance(value, Batch):
                    self.nodes.append((node, key))
                    self.held.append(value.__dict__)
                elif id(value) in names:
                    self.in_columns.append((node, key, names[id(value)]))
                else:
                    self.apart.append((node, key, value))
        self.live = [values.values() for values in self.held]
        self.seen = [*chain.from_iterable(self.live)]
        self.missing = [key for key in _OPTIONAL if key not in meta]
        self.is_usual = (
            all(key in meta for key in _REQUIRED)
            and all(_is_plain(node, array) for node, _, array in self.apart)
            and [name for _, _, name in self.in_columns] == list(self.views)
        )

    @classmethod
    def like(cls, example: Batch, rows: int, *, is_whole: bool) -> Table:
        """Make a table for rows like these, which are its first or, if whole, all of them."""
        given = cls(example)
        fields = {
            f"{node} {key}": Field(value.shape[1:], value.dtype)
            for node, key, value in given.apart
            if _is_column(value)
        }
        columns = Columns(fields, rows, alone=[name for name in _ALONE if name in fields])
        views = {name: columns[name] for name in fields}
        batches = [Batch() for _ in given.nodes]
        for node, key, value in given.apart:
            view = views.get(f"{node} {key}")
            if view is None:
                view = value if is_whole else create_value(value, rows, stack=False)
            elif is_whole:
                view[:] = value
            batches[node].__dict__[key] = view
        for batch, (parent, key) in zip(batches[1:], given.nodes[1:], strict=True):
            batches[parent].__dict__[key] = batch
        return cls(batches[0], columns, views)

    def is_of(self, meta: Batch) -> bool:
        """Whether these still are all of its arrays: anybody may put others into it."""
        held = [*chain.from_iterable(self.live)]
        return meta is self.meta and len(held) == len(self.seen) and all(map(is_, held, self.seen))

    def after_changes(self, meta: Batch) -> Table:
        """Return the table of a tree that may hold other arrays by now."""
        table = Table(meta, self.columns, self.views)
        return table if table.in_columns else Table(meta)

    def read(self, rows: Rows) -> Batch:
        """Return these rows; ValueError for one below 0 or one that is not there."""
        taken = {} if self.columns is None else self.columns.take(rows)
        batches = [_empty(Batch) for _ in self.nodes]
        into = [batch.__dict__ for batch in batches]
        for node, key, name in self.in_columns:
            into[node][key] = taken[name]
        for node, key, array in self.apart:
            into[node][key] = array[rows]
        for node in range(1, len(batches)):
            parent, key = self.nodes[node]
            into[parent][key] = batches[node]
        for key in self.missing:
            into[0][key] = _empty(Batch)
        return batches[0]

    def write(self, given: dict[str, Any], rows: int | Rows) -> bool:
        """Write a row, or one each; say whether that was possible without more than writing."""
        values = [given]
        try:
            for (parent, key), held in zip(self.nodes[1:], self.held[1:], strict=True):
                inner = values[parent][key]
                if not isinstance(inner, Batch) or len(inner.__dict__) != len(held):
                    return False
                values.append(inner.__dict__)
            if not self.is_usual or len(given) != len(self.held[0]):
                return False
            columns = [values[node][key] for node, key, _ in self.in_columns]
            if self.columns is None:
                pass
            elif isinstance(rows, int):
                self.columns.put(rows, 1, *columns)
            else:
                self.columns.scatter(rows, *columns)
            for node, key, array in self.apart:
                array[[rows] if isinstance(rows, int) else rows] = values[node][key]
        except (KeyError, ValueError):  # other keys, another shape, a lossy cast
            return False
        return True


def _is_plain(node: int, array: Any) -> bool:
    """Objects of the top level go through ``Batch()``, which may make something else of them."""
    return hasattr(array, "dtype") and (node > 0 or array.dtype != object)


def _is_column(value: Any) -> bool:
    is_number = isinstance(value, np.ndarray) and value.dtype.kind in "biufc"
    return is_number and 0 not in value.shape[1:]
