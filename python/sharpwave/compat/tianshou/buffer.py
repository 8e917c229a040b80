"""The buffer of one stream of transitions."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tianshou.data import Batch
from tianshou.data.buffer import buffer_base

from sharpwave.compat.tianshou.table import Array, Table
from sharpwave.draws import integers

Ids: TypeAlias = NDArray[np.integer[Any]] | list[int]
# Where each transition went, and its episode's return, length and first row.
Results: TypeAlias = tuple[Array, Array, Array, Array]


class ReplayBuffer(buffer_base.ReplayBuffer):
    """Tianshou's ``ReplayBuffer``, sampled and filled faster.

    Parameters and attributes are those of ``tianshou.data.ReplayBuffer``.

    Notes
    -----
    - ``buffer.obs``, ``buffer._meta`` and so on are live: what is written there is sampled.
    - For the same indices, what is sampled is what Tianshou's own buffer returns.
    - A call of ``sample`` takes one number of ``_random_state``: with the same seed, other rows
      are drawn than Tianshou draws.

    Examples
    --------
    >>> import numpy as np
    >>> from tianshou.data import Batch
    >>> from sharpwave.compat.tianshou import ReplayBuffer
    >>> buffer = ReplayBuffer(size=100)
    >>> step = Batch(obs=np.zeros(3), act=1, rew=0.5, terminated=False, truncated=False)
    >>> _ = buffer.add(step)
    >>> batch, indices = buffer.sample(32)
    >>> batch.obs.shape
    (32, 3)
    """

    __slots__ = ("_table",)  # not in __dict__, all of which Tianshou saves
    _table: Table | None

    def __new__(cls, *args: Any, **options: Any) -> Any:
        buffer = super().__new__(cls)
        buffer._table = None
        return buffer

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._move_in()

    def __copy__(self) -> Any:
        """Share the rows, as copies of Tianshou's buffers do."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._table = self._table
        return other

    @classmethod
    def from_data(cls, *args: Any, **arrays: Any) -> Any:
        buffer = super().from_data(*args, **arrays)
        buffer._move_in()
        return buffer

    def update(self, buffer: buffer_base.ReplayBuffer) -> NDArray[np.int64]:
        if len(buffer) and self.maxsize and not self._meta.__dict__:
            self._hold(Table.like(buffer._meta[:1], self.maxsize, is_whole=False))
        return super().update(buffer)

    def add(self, batch: Batch, buffer_ids: Ids | None = None) -> Results:
        if not self._meta.__dict__:
            self._lay_out(batch, buffer_ids)
        try:
            given = self._given(batch, is_one=buffer_ids is None)
            reward, done = given["rew"], given["done"]
            if buffer_ids is not None:
                (_,), (reward,), (done,) = buffer_ids, reward, done
            is_done = bool(done)
        except (KeyError, TypeError, ValueError):  # Tianshou has the error for it, or a way
            return super().add(batch, buffer_ids)
        row = self._insertion_idx
        if not self._rows().write(given, row):
            return super().add(batch, buffer_ids)
        if isinstance(reward, np.ndarray) and reward.ndim == 0:
            reward = reward[()]
        total, length, start, _ = advance(self.__dict__, reward, is_done)
        return np.array([row]), np.array([total]), np.array([length]), np.array([start])

    def sample_indices(self, batch_size: int | None) -> NDArray[np.int64]:
        is_any = self.stack_num == 1 or not self._sample_avail
        if batch_size and batch_size > 0 and is_any and self._size:
            return integers(self._size, batch_size, self._random_state)
        return super().sample_indices(batch_size)

    def __getitem__(self, index: Any) -> Batch:
        is_rows = isinstance(index, np.ndarray) and index.ndim == 1 and index.dtype.kind == "i"
        table = self._rows() if is_rows and self.stack_num == 1 else None
        if table is None or not table.is_usual:
            return super().__getitem__(index)
        try:
            batch = table.read(index)
        except ValueError:  # NumPy counts rows below 0 from the end, and has the right error
            return super().__getitem__(index)
        if not self._save_obs_next:
            batch.__dict__["obs_next"] = self._meta.obs[self.next(index)]
        return batch

    def _rows(self) -> Table:
        table = self._table
        if table is None or not table.is_of(self._meta):
            table = Table(self._meta) if table is None else table.after_changes(self._meta)
            self._table = table
        return table

    def _hold(self, table: Table) -> None:
        self._table = table
        self.__dict__["_meta"] = table.meta

    def _move_in(self) -> None:
        """Bring plain arrays, as they come from a file, into columns."""
        if self._meta.__dict__ and len(self._meta) == self.maxsize > 0:
            self._hold(Table.like(self._meta, self.maxsize, is_whole=True))

    def _lay_out(self, batch: Batch, buffer_ids: Ids | None) -> None:
        """Before the first row, make columns of the dtypes that Tianshou gives this batch."""
        if self.maxsize:
            example = self._example(batch, buffer_ids)
            self._hold(Table.like(example._meta[:1], self.maxsize, is_whole=False))

    def _example(self, batch: Batch, buffer_ids: Ids | None) -> buffer_base.ReplayBuffer:
        example = buffer_base.ReplayBuffer(1, **self.options)
        example.add(batch, buffer_ids)
        return example

    def _given(self, batch: Batch, *, is_one: bool) -> dict[str, Any]:
        """Return the values of a batch that Tianshou would store."""
        given = batch.__dict__.copy()
        terminated, truncated = given["terminated"], given["truncated"]
        if is_one:
            given["done"] = bool(terminated) or bool(truncated)
        else:
            given["done"] = np.logical_or(terminated, truncated)
        if not self._save_obs_next:
            given.pop("obs_next", None)
        if self._save_only_last_obs:
            last = -1 if is_one else np.s_[:, -1]
            given |= {key: given[key][last] for key in ("obs", "obs_next") if key in given}
        return given


def advance(books: dict[str, Any], reward: Any, is_done: bool) -> tuple[Any, int, int, int]:
    """Do what ``_update_state_pre_add`` does, past Tianshou's check of each attribute set.

    Parameters
    ----------
    books : dict
        The ``__dict__`` of a buffer.
    reward, is_done
        Of the transition that was written at its place.

    Returns
    -------
    The episode's return and length, 0 where it goes on, its first row, and the buffer's length.
    """
    place, size, rows = books["_insertion_idx"], books["_size"], books["maxsize"]
    books["last_index"][0] = place
    after = place + 1 if place + 1 < rows else 0
    books["_insertion_idx"] = after
    if size < rows:
        size += 1
        books["_size"] = size
    start = books["_ep_start_idx"]
    if start > size:
        raise buffer_base.MalformedBufferError(
            f"an episode is said to start at {start}, behind the {size} rows there are"
        )
    total, length = books["_ep_return"] + reward, books["_ep_len"] + 1
    if is_done:
        books["_ep_return"], books["_ep_len"], books["_ep_start_idx"] = 0.0, 0, after
        return total, length, start, size
    books["_ep_return"], books["_ep_len"] = total, length
    return 0.0 if isinstance(total, float) else np.zeros_like(total), 0, start, size
