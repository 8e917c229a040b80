"""SharpwaveStorage: TorchRL's LazyTensorStorage over one table."""

from __future__ import annotations

from multiprocessing.context import get_spawning_popen
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict, is_tensor_collection
from torch.utils._pytree import tree_map
from torchrl import data as peer

from sharpwave.batch import as_tensors
from sharpwave.columns import Columns
from sharpwave.compat.torchrl.layout import Layout, collect, filled, layout_of, leaves_of, mapped
from sharpwave.compat.torchrl.tracing import not_traced
from sharpwave.field import Field

_STORED_AS = {torch.bfloat16: "int16"}  # what NumPy has no dtype for


class SharpwaveStorage(peer.LazyTensorStorage):
    """A ``LazyTensorStorage`` whose rows lie together, and are gathered and written in C++.

    Parameters
    ----------
    max_size : int
        The capacity, in rows.
    **options
        As for ``LazyTensorStorage``.

    Raises
    ------
    ValueError
        ``consolidated``, ``shared_init`` or a ``device`` other than ``"cpu"`` and ``"auto"``, the
        CPU here; at the first write, data without a tensor, or with one that has no elements.
    RuntimeError
        A storage that is to be pickled for another process.

    Notes
    -----
    The memory is taken at the first write, when the data's structure is known; what the base class
    reads and writes are views of it, so ``storage[:]["reward"] *= 2`` is seen by later samples.

    C++ takes the way of TensorDicts, nested ones too, of one batch size: rows that follow each
    other are written, a tensor of rows is gathered. Everything else that TorchRL stores (tensors,
    tensorclasses, tuples, bfloat16, ``ndim=2``) is left to the base class, on the same memory.

    Examples
    --------
    >>> import torch
    >>> from tensordict import TensorDict
    >>> from sharpwave.compat.torchrl import ReplayBuffer, SharpwaveStorage
    >>> buffer = ReplayBuffer(storage=SharpwaveStorage(1000), batch_size=32)
    >>> buffer.extend(TensorDict({"obs": torch.zeros(3, 4), "reward": torch.ones(3, 1)}, [3]))
    tensor([0, 1, 2])
    >>> buffer.sample()["reward"].sum()
    tensor(32.)
    """

    layout: Layout | None = None  # None: nothing here for C++
    _tree: Any = None
    _columns: Columns

    def __init__(self, max_size: int, **options: Any) -> None:
        device = options.pop("device", "cpu")
        is_here = device == "auto" or torch.device(device).type == "cpu"
        if options.get("consolidated") or options.get("shared_init") or not is_here:
            raise ValueError(
                "expected device='cpu' or 'auto', without consolidated and shared_init, which are "
                f"for LazyTensorStorage; got device={device!r}, {options}"
            )
        super().__init__(max_size, **options)

    @property
    def _storage(self) -> Any:
        return self._tree

    @_storage.setter
    def _storage(self, tree: Any) -> None:
        if tree is not None:
            for leaf, view in zip(leaves_of(tree), self._adopt(tree), strict=True):
                view.copy_(leaf)

    def _init_standard(self, data: Any) -> None:
        rows = self._max_size_along_dim0(single_data=data)
        tree = tree_map(
            lambda x: x.to(self.device).expand(rows, *x.shape), data, is_leaf=is_tensor_collection
        )
        self.max_size = self._adopt(tree)[0].shape[: self.ndim].numel()
        self.initialized = True

    def _adopt(self, tree: Any) -> list[torch.Tensor]:
        """Make columns of zeros for the leaves of a tree, and the same tree of views of them."""
        leaves = leaves_of(tree)
        if not leaves:
            raise ValueError("data: expected at least one tensor")
        lead = leaves[0].shape[: self.ndim]
        fields = {
            str(i): Field(tuple(x.shape[self.ndim :]), _STORED_AS.get(x.dtype, str(x.dtype)[6:]))
            for i, x in enumerate(leaves)
        }
        self._columns = Columns(fields, lead.numel())
        views = [
            torch.from_numpy(self._columns[name]).view(leaf.dtype).unflatten(0, lead)
            for name, leaf in zip(fields, leaves, strict=True)
        ]
        remaining = iter(views)
        self._tree = mapped(lambda _: next(remaining), tree)
        names = {id(v): n for n, v in zip(fields, views, strict=True) if v.dtype not in _STORED_AS}
        self.layout = layout_of(self._tree, names) if self.ndim == 1 else None
        return views

    @not_traced
    def set(self, cursor: Any, data: Any, *, set_cursor: bool = True) -> None:
        """Write data to a row or rows, as ``LazyTensorStorage`` does."""
        if not self._put(cursor, data):
            super().set(cursor, data, set_cursor=set_cursor)
            self._adopt_late_keys()
            return
        if set_cursor:
            self._set_last_cursor(cursor)
            if self._len < self.max_size:
                self._get_new_len(data, cursor)
        self._bump_mutation_revision()

    def _put(self, cursor: Any, data: Any) -> bool:
        """Write to rows that follow each other; False: nothing was written."""
        if self.layout is None or (rows := _consecutive(cursor)) is None:
            return False
        values: list[NDArray[np.generic]] = []
        try:
            if not collect(data, self.layout, values):
                return False
            self._columns.put(rows[0], len(rows), *values)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return False  # on a device, with a gradient, to be broadcast: the base class says
        return True

    def _adopt_late_keys(self) -> None:
        """Give columns to keys that came after the first write."""
        if len(leaves_of(self._tree)) != len(self._columns.fields):
            self._storage = self._tree

    @not_traced
    def get(self, index: Any) -> Any:
        """Return rows: copies for a tensor of indices, views for a number or a slice."""
        if self.layout is not None and _is_rows(index, self._len):
            return self.gather(index)
        return super().get(index)

    def gather(self, index: torch.Tensor) -> TensorDict:
        """Return rows, by a tensor of int64 that is known to be within the written ones."""
        assert self.layout is not None
        tensors = as_tensors(self._columns.take(index.numpy()))
        return TensorDict._new_unsafe(
            filled(self.layout, tensors), index.shape, device=self._tree.device
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with a copy of the data in which a column's values lie together."""
        state: dict[str, Any] = super().state_dict()
        if self._tree is not None:
            tree = mapped(torch.clone, self._tree)
            state["_storage"] = tree.state_dict() if is_tensor_collection(tree) else tree
        return state

    def __getstate__(self) -> dict[str, Any]:
        if get_spawning_popen() is not None:
            raise RuntimeError("processes cannot share a SharpwaveStorage; use LazyMemmapStorage")
        state: dict[str, Any] = super().__getstate__() | {"_columns": None, "layout": None}
        state["_tree"] = None if self._tree is None else mapped(torch.clone, self._tree)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._storage = self._tree


def _consecutive(cursor: Any) -> Any:
    """Return the rows of a cursor if they follow each other."""
    if type(cursor) is int:
        return (cursor,)
    if type(cursor) is not torch.Tensor or cursor.dtype != torch.int64 or cursor.ndim != 1:
        return None
    rows = cursor.numpy(force=True)
    return rows if len(rows) and (rows[1:] - rows[:-1] == 1).all() else None


def _is_rows(index: Any, length: int) -> bool:
    """Whether an index is a tensor of row numbers below ``length``."""
    if type(index) is not torch.Tensor or index.dtype != torch.int64 or index.ndim != 1:
        return False
    if not len(index) or index.device.type != "cpu":
        return False
    return bool(index.numpy().view(np.uint64).max() < length)  # a negative one is huge here
