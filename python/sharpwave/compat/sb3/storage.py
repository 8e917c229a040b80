"""Where rows lie: every field at its place, or successors and frames stored once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import sharpwave as sw
from sharpwave.columns import Columns

Array: TypeAlias = NDArray[Any]
Obs: TypeAlias = Any  # an array, or a dict of arrays

# What SB3's agents write to from outside: live in both kinds of storage.
BOOKS = {"rewards": sw.Field((1,)), "dones": sw.Field((1,)), "timeouts": sw.Field((1,))}


def flat(name: str, tree: Any) -> dict[str, Any]:
    """One name for each array of an observation."""
    if isinstance(tree, dict):
        return {f"{name}/{key}": value for key, value in tree.items()}
    return {name: tree}


class Plain:
    """Every field of a row at its place, successors too."""

    def __init__(self, obs: Any, action: sw.Field, steps: int, n_envs: int) -> None:
        keys = list(obs) if isinstance(obs, dict) else None
        following = flat("next_observations", obs)
        fields = {**flat("observations", obs), **following, "actions": action, **BOOKS}
        self._use(keys, Columns(fields, steps * n_envs))

    def _use(self, keys: list[str] | None, columns: Columns) -> None:
        self.keys, self.columns, self.books = keys, columns, columns
        self.take = columns.take
        self.put = columns.put if keys is None else self._put_dicts
        self.begin, self.end = _ends_of_a_window(keys)

    def _put_dicts(self, row: int, count: int, obs: Obs, next_obs: Obs, *rest: Any) -> None:
        both = (each[key] for each in (obs, next_obs) for key in self.keys or ())
        self.columns.put(row, count, *both, *rest)

    def view(self, name: str) -> Array:
        return self.columns[name]

    def clear(self) -> None:
        """Nothing to do: rows behind ``pos`` are never read."""

    def __getstate__(self) -> Any:
        return self.keys, self.columns

    def __setstate__(self, state: Any) -> None:
        self._use(*state)


def _ends_of_a_window(keys: list[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wanted of a window's first row, and what of its last."""
    tree = None if keys is None else dict.fromkeys(keys)
    end = (*flat("next_observations", tree), "dones", "timeouts")
    return (*flat("observations", tree), "actions"), end


class Compact:
    """Successors and stacked frames stored once: the transitions are a ``sw.ReplayBuffer``'s."""

    def __init__(self, obs: Any, action: sw.Field, steps: int, n_envs: int) -> None:
        self.steps, self.n_envs, self.added = steps, n_envs, 0
        self.newest = -1
        self.begin, self.end = _ends_of_a_window(list(obs) if isinstance(obs, dict) else None)
        self.books = Columns(BOOKS, steps * n_envs)
        self.transitions = sw.ReplayBuffer(
            steps * n_envs,
            observation_space=obs,
            action_space=action,
            num_envs=n_envs,
            frame_stack=_frames_of(obs),
            seed=0,  # drawn by place, never by it
        )

    def put(
        self, row: int, count: int, obs: Obs, next_obs: Obs,
        action: Array, reward: Array, done: Array, timeout: Array,
    ) -> None:  # fmt: skip
        self.transitions.add(
            obs, action, reward.ravel(), next_obs, done.ravel() != 0, np.zeros(count, bool)
        )
        self.books.put(row, count, reward, done, timeout)
        self.newest = row // count
        self.added += 1

    def take(self, rows: Array, names: Sequence[str] | None = None) -> dict[str, Array]:
        age = (self.newest - rows // self.n_envs) % self.steps
        batch = self.transitions.rows((self.added - 1 - age) * self.n_envs + rows % self.n_envs)
        taken = {**flat("observations", batch.obs), **flat("next_observations", batch.next_obs)}
        taken = {**taken, "actions": batch.action, **self.books.take(rows)}
        return taken if names is None else {name: taken[name] for name in names}

    def view(self, name: str) -> Any:
        return self.books[name] if name in BOOKS else _Reader(self, name)

    def clear(self) -> None:
        self.transitions.clear()


class _Reader:
    """A column of the compact storage: to be indexed by step and environment, not to be written."""

    def __init__(self, store: Compact, name: str) -> None:
        self.store, self.name = store, name

    def reshape(self, *shape: int) -> _Reader:
        return self

    def __getitem__(self, where: Any) -> Array:
        steps, n_envs = self.store.steps, self.store.n_envs
        if isinstance(where, tuple) and not any(isinstance(part, slice) for part in where):
            rows = np.asarray(where[0]) * n_envs + np.asarray(where[1])
        else:
            rows = np.arange(steps * n_envs).reshape(steps, n_envs)[where]
        taken = self.store.take(rows.ravel())[self.name]
        return taken.reshape(*rows.shape, *taken.shape[1:])


def _frames_of(obs: Any) -> int | None:
    """How many frames images have that are stacked along their first axis, as SB3 makes them."""
    leaves = list(obs.values()) if isinstance(obs, dict) else [obs]
    stacks = {f.shape[0] for f in leaves if len(f.shape) == 3 and f.shape[0] < min(f.shape[1:])}
    return stacks.pop() if len(stacks) == 1 and min(stacks) > 1 else None
