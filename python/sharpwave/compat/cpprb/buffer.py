"""cpprb's ReplayBuffer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sharpwave.compat.cpprb import files
from sharpwave.compat.cpprb.n_step import Windows, as_names
from sharpwave.compat.cpprb.storage import Array, Overlapping, Rows, Table
from sharpwave.draws import integers
from sharpwave.field import Field

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike


class _Input(NamedTuple):
    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]  # of any number of rows


def _fields(
    env_dict: Mapping[str, Mapping[str, Any]] | None, default_dtype: DTypeLike | None
) -> dict[str, Field]:
    return {
        name: Field(
            tuple(int(extent) for extent in np.ravel(options.get("shape", 1))),
            options.get("dtype", default_dtype or np.float32),
        )
        for name, options in (env_dict or {}).items()
    }


class ReplayBuffer:
    """Transitions of any keys, sampled uniformly: cpprb's class of this name.

    Parameters
    ----------
    size : int
        How many transitions there is room for.
    env_dict : mapping of str to mapping, optional
        For each key its ``"shape"`` (by default 1) and ``"dtype"``.
    next_of : str or iterable of str, optional
        Keys whose successors are sampled as ``next_{key}`` and stored once, as the next row's.
    stack_compress : str or iterable of str, optional
        Keys of stacked frames, the last axis the stack's, of which each frame is stored once.
    default_dtype : dtype-like, optional
        Of the keys without one; float32.
    Nstep : mapping, optional
        n-step windows: ``"size"``, and optionally ``"gamma"`` (0.99), ``"rew"`` and ``"next"``,
        each a key or several. It needs the key ``"done"``.
    mmap_prefix : str, optional
        Store each key in a file of its own, ``{mmap_prefix}_{key}.dat``.
    **kwargs
        Not used, as in cpprb.

    Raises
    ------
    KeyError
        An option that names a key that is not in ``env_dict``.
    MemoryError
        A buffer that does not fit in this machine's memory.

    Notes
    -----
    ``np.random.seed`` makes sampling repeatable, and ``pickle`` and ``copy.deepcopy`` keep all that
    a buffer holds, its place to write, priorities and waiting n-step windows included. What is
    sampled is the caller's own: no later call changes it.

    Examples
    --------
    >>> from sharpwave.compat.cpprb import ReplayBuffer
    >>> env_dict = {"obs": {"shape": 3}, "act": {}, "rew": {}, "next_obs": {"shape": 3}, "done": {}}
    >>> buffer = ReplayBuffer(1000, env_dict)
    >>> buffer.add(obs=[1, 2, 3], act=0, rew=0.5, next_obs=[4, 5, 6], done=False)
    0
    >>> buffer.sample(2)["rew"]
    array([[0.5],
           [0.5]], dtype=float32)
    """

    def __init__(
        self,
        size: int,
        env_dict: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        next_of: str | Iterable[str] | None = None,
        stack_compress: str | Iterable[str] | None = None,
        default_dtype: DTypeLike | None = None,
        Nstep: Mapping[str, Any] | None = None,  # noqa: N803
        mmap_prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._size = int(size)
        fields = _fields(env_dict, default_dtype)
        followed, stacked = as_names(next_of), as_names(stack_compress)
        if Nstep:  # the state behind a window is not the next row
            fields.update({f"next_{name}": fields[name] for name in followed})
            followed = ()
        overlapping = dict.fromkeys((*followed, *stacked))
        plain = {name: field for name, field in fields.items() if name not in overlapping}
        self._table = Table(plain, self._size, mmap_prefix)
        self._overlapping = [
            Overlapping(
                name,
                fields[name],
                self._size,
                stacked=name in stacked,
                followed=name in followed,
                prefix=mmap_prefix,
            )
            for name in overlapping
        ]
        self._followed = followed
        inputs = [*plain.items(), *((name, fields[name]) for name in overlapping)]
        inputs += [(f"next_{name}", fields[name]) for name in followed]
        self._inputs = [_Input(name, field.dtype, (-1, *field.shape)) for name, field in inputs]
        self._windows = Windows([name for name, _ in inputs], Nstep) if Nstep else None
        self._next = self._stored = self._episode_len = 0

    def add(self, **kwargs: ArrayLike) -> int | None:
        """Add one transition, or several in order of time.

        Parameters
        ----------
        **kwargs : array-like
            For each key a value of its shape, or of shape (count, *shape). Other keys are ignored.

        Returns
        -------
        int or None
            The first row that was written; None where all wait for their n-step windows.

        Raises
        ------
        KeyError
            A key without a value. Nothing was added.
        ValueError
            Values that are not of their shapes, or not as many of each key. Nothing was added.
        """
        values = self._values(kwargs)
        return self._append(values) if self._windows is None else self._push(values)

    def _values(self, given: Mapping[str, ArrayLike]) -> list[Array]:
        values = [
            np.asarray(given[name], dtype).reshape(shape) for name, dtype, shape in self._inputs
        ]
        if len({len(value) for value in values}) != 1:
            counts = {name: len(v) for (name, *_), v in zip(self._inputs, values, strict=True)}
            raise ValueError(f"expected as many values of each key, got {counts}")
        return values

    def _push(self, values: Sequence[Array]) -> int | None:
        ready = self._windows.push(values) if self._windows is not None else None
        return None if ready is None else self._append(ready)

    def _append(self, values: Sequence[Array]) -> int:
        first, size, count = self._next, self._size, len(values[0])
        plain, others = values, values[len(self._table.fields) :]
        if others:
            plain = values[: len(self._table.fields)]
        if first + count <= size:
            self._table.put(first, count, *plain)
        else:
            self._put_around(first, count, plain)
        for i, column in enumerate(self._overlapping):
            successors = others[len(self._overlapping) + i] if column.followed else None
            column.append(others[i], successors)
        self._stored = max(self._stored, min(first + count, size))
        self._next = (first + count) % size
        self._episode_len += count
        return first

    def _put_around(self, first: int, count: int, values: Sequence[Array]) -> None:
        at = max(count - self._size, 0)  # of more than there is room for, the last ones stay
        while at < count:
            row = (first + at) % self._size
            run = min(self._size - row, count - at)
            self._table.put(row, run, *(value[at : at + run] for value in values))
            at += run

    def sample(self, batch_size: int) -> dict[str, Array]:
        """Return transitions drawn with replacement, each as likely as any other.

        Parameters
        ----------
        batch_size : int

        Returns
        -------
        dict of str to ndarray
            For each key an array of shape (batch_size, *shape) and the key's dtype.

        Raises
        ------
        ValueError
            An empty buffer.
        """
        return self._take(integers(self._stored, batch_size))

    def _encode_sample(self, idx: ArrayLike) -> dict[str, Array]:
        return self._take(np.asarray(idx).astype(np.int64, copy=False).reshape(-1))

    def _take(self, rows: Rows) -> dict[str, Array]:
        taken = self._table.take(rows)
        for column in self._overlapping:
            taken.update(column.take(rows))
        return taken

    def get_all_transitions(self, shuffle: bool = False) -> dict[str, Array]:
        """Return all transitions by row, or in a random order.

        Parameters
        ----------
        shuffle : bool, default False

        Returns
        -------
        dict of str to ndarray
            As from :meth:`sample`.
        """
        rows = np.arange(self._stored)
        if shuffle:
            np.random.shuffle(rows)  # noqa: NPY002
        return self._take(rows)

    def save_transitions(self, file: files.File, *, safe: bool = True) -> None:
        """Write all transitions to a file that cpprb reads too.

        As there, neither priorities nor the place to write are in it; ``pickle`` keeps both.

        Parameters
        ----------
        file : str, path or binary file
        safe : bool, default True
            Whether to write successors out too; what is written without is read only by a buffer
            with the same ``next_of``.
        """
        rows = self.get_all_transitions()
        cache = None if safe or not self._overlapping else self._cache_of(rows)
        files.write(file, rows, is_n_step=self.is_Nstep(), cache=cache, next_of=self._followed)

    def _cache_of(self, rows: dict[str, Array]) -> dict[int, dict[str, Array]]:
        """Take successors out of rows, and return what cpprb keeps aside of rows at ends."""
        after = {f"next_{name}": rows.pop(f"next_{name}") for name in self._followed}
        after.update({column.name: rows[column.name] for column in self._overlapping})
        ends = {row for column in self._overlapping for row in (*column.successors, *column.stacks)}
        if self._stored:
            ends.add((self._next or self._stored) - 1)
        return {row: {name: values[row] for name, values in after.items()} for row in sorted(ends)}

    def load_transitions(self, file: files.File) -> None:
        """Add the transitions of a file that :meth:`save_transitions`, cpprb's or ours, wrote.

        Parameters
        ----------
        file : str, path or binary file

        Raises
        ------
        ValueError
            A file of another format, one that names anything but arrays, or one of windows for a
            buffer without, or the reverse. Nothing was added.
        """
        contents = files.read(file)
        if bool(contents["Nstep"]) != self.is_Nstep():
            raise ValueError("Stored data and Buffer mismatch for Nstep")
        self._append(self._values(files.rows_of(contents)))

    def clear(self) -> None:
        """Forget every transition."""
        self._next = self._stored = self._episode_len = 0
        for column in self._overlapping:
            column.clear()
        if self._windows is not None:
            self._windows.steps.clear()

    def on_episode_end(self) -> None:
        """End the episode: n-step windows that wait are added with the steps that there are."""
        ready = None if self._windows is None else self._windows.flush()
        if ready is not None:
            self._append(ready)
        self._episode_len = 0

    def get_stored_size(self) -> int:
        """Return how many transitions there are."""
        return self._stored

    def get_buffer_size(self) -> int:
        """Return how many transitions there is room for."""
        return self._size

    def get_next_index(self) -> int:
        """Return the row that is written next."""
        return self._next

    def get_current_episode_len(self) -> int:
        """Return how many transitions were added since :meth:`on_episode_end`."""
        return self._episode_len

    def is_Nstep(self) -> bool:  # noqa: N802
        """Return whether there are n-step windows."""
        return self._windows is not None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_table": self._table.packed(self._stored)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._table = Table.unpacked(state["_table"])
