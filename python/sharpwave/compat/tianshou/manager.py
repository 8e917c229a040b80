"""Buffers of several streams, which lie one after the other in the same memory."""

from __future__ import annotations

import math
from copy import copy, deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tianshou.data import Batch
from tianshou.data.buffer import buffer_base, manager, vecbuf

from sharpwave.compat.tianshou.buffer import Ids, ReplayBuffer, Results, advance
from sharpwave.compat.tianshou.table import Table
from sharpwave.draws import integers


class ReplayBufferManager(manager.ReplayBufferManager, ReplayBuffer):
    """Tianshou's ``ReplayBufferManager``; ``buffers`` are views of parts of its memory.

    Parameters
    ----------
    buffer_list : list of ReplayBuffer
        Empty ones of the same options.

    Notes
    -----
    Every stored row is as likely as every other, whatever part it is in, and draws are independent.
    They follow the seed of the first part.
    """

    def __init__(self, buffer_list: list[Any]) -> None:
        manager.ReplayBufferManager.__init__(self, buffer_list)
        self._random_state = deepcopy(buffer_list[0]._random_state)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the rows of the parts, which are the manager's own."""
        parts = [copy(part) for part in self.buffers]
        for part in parts:
            part._meta = Batch()
        return {**self.__dict__, "buffers": _objects(parts)}

    def _hold(self, table: Table) -> None:
        super()._hold(table)
        self._set_batch_for_children()

    def _example(self, batch: Batch, buffer_ids: Ids | None) -> buffer_base.ReplayBuffer:
        count = self.buffer_num if buffer_ids is None else len(buffer_ids)
        example = vecbuf.VectorReplayBuffer(count, count, **self.options)
        example.add(batch)
        return example

    def add(self, batch: Batch, buffer_ids: Ids | None = None) -> Results:
        if not self._meta.__dict__:
            self._lay_out(batch, buffer_ids)
        parts, offsets = self.buffers.tolist(), self._offset.tolist()
        ids = range(len(parts)) if buffer_ids is None else np.asarray(buffer_ids).tolist()
        books = [parts[part].__dict__ for part in ids]
        rows = np.array([offsets[part] + parts[part]._insertion_idx for part in ids])
        try:
            given = self._given(batch, is_one=False)
            rewards, done = given["rew"], given["done"]
            is_usual = rewards.shape == done.shape == rows.shape and len(set(ids)) == len(ids)
        except (AttributeError, KeyError):
            is_usual = False
        if not (is_usual and self._rows().write(given, rows)):
            return super().add(batch, buffer_ids)
        if rewards.dtype == _FLOAT:
            rewards = rewards.tolist()
        results = map(advance, books, rewards, done.tolist())
        totals, lengths, starts, sizes = zip(*results, strict=True)
        places = slice(None) if buffer_ids is None else buffer_ids
        self._lengths[places], self.last_index[places] = sizes, rows
        return rows, np.array(totals), np.array(lengths), self._offset[places] + starts

    def sample_indices(self, batch_size: int | None) -> NDArray[np.int64]:
        stored = int(self._lengths.sum())
        is_any = self.stack_num == 1 or not self._sample_avail
        if not (batch_size and batch_size > 0 and is_any and stored):
            return super().sample_indices(batch_size)
        drawn = integers(stored, batch_size, self._random_state)
        if stored < self.maxsize:
            ends = self._lengths.cumsum()
            part = ends.searchsorted(drawn, "right")
            drawn += (self._offset - ends + self._lengths)[part]
        return drawn


class VectorReplayBuffer(ReplayBufferManager, vecbuf.VectorReplayBuffer):
    """Tianshou's ``VectorReplayBuffer``, sampled and filled faster.

    Parameters
    ----------
    total_size : int
        Rows in all; each part has ``total_size / buffer_num``, rounded up.
    buffer_num : int
        How many streams.
    **options
        Those of :class:`ReplayBuffer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tianshou.data import Batch
    >>> from sharpwave.compat.tianshou import VectorReplayBuffer
    >>> buffer = VectorReplayBuffer(total_size=100, buffer_num=2)
    >>> no = np.zeros(2, bool)
    >>> steps = Batch(obs=np.zeros((2, 3)), act=[0, 1], rew=[0.5, 1], terminated=no, truncated=no)
    >>> buffer.add(steps)[0]
    array([ 0, 50])
    """

    def __init__(self, total_size: int, buffer_num: int, **options: Any) -> None:
        ReplayBufferManager.__init__(self, parts_of(ReplayBuffer, total_size, buffer_num, options))


def parts_of(
    kind: type[ReplayBuffer], total_size: int, buffer_num: int, options: dict[str, Any]
) -> list[Any]:
    """Make the parts of a vector buffer, each with a seed of its own."""
    assert buffer_num > 0
    rest = dict(options)
    seed, size = rest.pop("random_seed", 42), math.ceil(total_size / buffer_num)
    return [kind(size, random_seed=seed + part, **rest) for part in range(buffer_num)]


_FLOAT = np.dtype(float)


def _objects(parts: list[Any]) -> NDArray[np.object_]:
    array = np.empty(len(parts), object)
    array[:] = parts
    return array
