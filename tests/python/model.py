"""PlainBuffer: what a replay buffer means, written in lists and loops.

It is the judge of every other test, so it is kept slow and obvious: one deque for each
environment, a dictionary for each transition, a copy of everything that comes in. Where the
library and this file disagree, one of the two is wrong, and this one can be read in a minute.
Priorities, sequences, hindsight and reservoirs have a file each: model_*.py.

A *tree* is a `Leaf`, or a dict or a tuple of trees: the shape of a field, and with arrays in
place of the leaves also its value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Tree = Any


@dataclass(frozen=True)
class Leaf:
    """One array of a transition; `values` is set for a Discrete space of that many values."""

    shape: tuple[int, ...]
    dtype: str
    values: int | None = None


FLAG = Leaf((), "bool")
REWARD = Leaf((), "float32")


def map_tree(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply `function` to the leaves of `tree` and to what stands there in `others`."""
    if isinstance(tree, Mapping):
        return {k: map_tree(function, v, *(o[k] for o in others)) for k, v in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map_tree(function, *parts) for parts in zip(tree, *others, strict=True))
    return function(tree, *others)


def leaves(tree: Tree, path: str = "") -> list[tuple[str, Any]]:
    """The leaves of `tree` with their paths: [("obs.camera", array), ...]."""
    if isinstance(tree, Mapping):
        parts = list(tree.items())
    elif isinstance(tree, tuple):
        parts = list(enumerate(tree))
    else:
        return [(path, tree)]
    return [leaf for key, part in parts for leaf in leaves(part, f"{path}.{key}".lstrip("."))]


def same_bits(left: Any, right: Any) -> bool:
    """Equal in dtype, shape and every bit; so NaN equals itself and -0.0 differs from 0.0."""
    left, right = np.asarray(left), np.asarray(right)
    return (
        left.dtype == right.dtype
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )


@dataclass
class Kept:
    """A stored transition, and its place among the rows of its episode.

    Rows of one environment with the same `episode` are an episode; `position` counts from its
    beginning, whether that is still stored or not.
    """

    index: int
    columns: dict[str, Tree]
    episode: int
    position: int
    cut: bool = False

    @property
    def ends(self) -> bool:
        return _ended(self.columns) or self.cut


class PlainBuffer:
    """A first-in-first-out list of transitions for each environment.

    Parameters
    ----------
    capacity
        Transitions in all; every environment keeps its last `capacity // num_envs`.
    fields
        Name to tree of `Leaf`: "obs", "action" and the extra fields.
    n_step, gamma
        May be set at any time: they say what rows look like, not what is stored.
    """

    def __init__(
        self,
        capacity: int,
        fields: Mapping[str, Tree],
        num_envs: int = 1,
        autoreset: str | None = None,
        n_step: int = 1,
        gamma: float = 0.99,
    ) -> None:
        self.fields = dict(fields) | {
            "reward": REWARD,
            "next_obs": fields["obs"],
            "terminated": FLAG,
            "truncated": FLAG,
        }
        self.num_envs = num_envs
        self.autoreset = autoreset
        self.n_step = n_step
        self.gamma = gamma
        self.rows_each = capacity // num_envs
        self.kept: list[deque[Kept]] = [deque() for _ in range(num_envs)]
        self.added = [0] * num_envs
        self.expects_reset = [False] * num_envs
        # Of the row that comes next:
        self.episode = [0] * num_envs
        self.position = [0] * num_envs

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.kept)

    def add(
        self,
        step: Mapping[str, Tree],
        env_ids: Sequence[int] | None = None,
        final_obs: Sequence[Tree] | None = None,
    ) -> None:
        """One step: each leaf of `step` has one row for each of `env_ids`, in that order.

        `final_obs` holds what Gymnasium's `info` does in SAME_STEP mode: for the rows whose
        episode ended, the true successor; None for the others.
        """
        for place, env in enumerate(range(self.num_envs) if env_ids is None else env_ids):
            row = {
                name: map_tree(
                    lambda leaf, value, at=place: _copy(leaf, value[at]), tree, step[name]
                )
                for name, tree in self.fields.items()
            }
            if self.autoreset == "same_step" and final_obs is not None and _ended(row):
                row["next_obs"] = map_tree(_copy, self.fields["obs"], final_obs[place])
            self._append(env, row)

    def extend(self, steps: Mapping[str, Tree], env_ids: Sequence[int] | None = None) -> None:
        """Many steps: each leaf has a leading axis of time before that of `add`."""
        for t in range(len(steps["reward"])):
            self.add(map_tree(lambda leaf, at=t: leaf[at], dict(steps)), env_ids)

    def _append(self, env: int, columns: dict[str, Tree]) -> None:
        if self.autoreset == "next_step" and self.expects_reset[env]:
            # This row leads from the final observation to the reset one: no transition.
            self.expects_reset[env] = False
            return
        self.expects_reset[env] = _ended(columns)
        index = self.added[env] * self.num_envs + env
        self._keep(env, Kept(index, columns, self.episode[env], self.position[env]))
        self.added[env] += 1
        self.position[env] += 1
        if _ended(columns):
            self._begin_episode(env)

    def _keep(self, env: int, row: Kept) -> None:
        self.kept[env].append(row)
        if len(self.kept[env]) > self.rows_each:
            self.kept[env].popleft()

    def _begin_episode(self, env: int) -> None:
        self.episode[env] += 1
        self.position[env] = 0

    def end_episode(self, env_ids: Sequence[int] | None = None) -> None:
        """The caller has reset these environments: no reset row will follow the last row."""
        for env in range(self.num_envs) if env_ids is None else env_ids:
            self.expects_reset[env] = False
            if self.kept[env]:
                self.kept[env][-1].cut = True
            self._begin_episode(env)

    def clear(self) -> None:
        """Forget every row. Names go on: an index never means a second transition."""
        for env in range(self.num_envs):
            self.kept[env].clear()
            self.expects_reset[env] = False
            self._begin_episode(env)

    def indices(self) -> list[int]:
        """The names of the rows that can be drawn: these, and no other."""
        return [row.index for rows in self.kept for row in rows]

    def is_settled(self) -> bool:
        """Whether `indices` are the stored rows for certain; PlainReservoir's may be too many."""
        return True

    def after(self, index: int) -> list[Kept]:
        """The stored rows of one environment, from this one to the newest."""
        rows = list(self.kept[index % self.num_envs])
        start = next(place for place, row in enumerate(rows) if row.index == index)
        return rows[start:]

    def window(self, index: int) -> list[Kept]:
        """The rows that this one's reward is summed over: `n_step` of them, or to an end."""
        found: list[Kept] = []
        for row in self.after(index)[: self.n_step]:
            found.append(row)
            if row.ends:
                break
        return found

    def row(self, index: int) -> dict[str, Tree]:
        """What a batch shows of this transition."""
        window = self.window(index)
        first, last = window[0].columns, window[-1].columns
        return first | {
            "reward": discounted_sum([row.columns["reward"] for row in window], self.gamma),
            "next_obs": last["next_obs"],
            "terminated": last["terminated"],
            "truncated": last["truncated"],
            "discount": discount(len(window), self.gamma, bool(last["terminated"])),
            "index": np.int64(index),
        }

    def stored(self) -> dict[int, dict[str, Tree]]:
        """Index to row, for each row that can be drawn, under today's `n_step` and `gamma`."""
        return {index: self.row(index) for index in self.indices()}


def discounted_sum(rewards: Sequence[Any], gamma: float) -> Any:
    """In double, from the first to the last, and rounded once; one reward alone is untouched."""
    if len(rewards) == 1:
        return rewards[0]
    total, power = 0.0, 1.0
    for reward in rewards:
        total += power * float(reward)
        power *= gamma
    return np.float32(total)


def discount(length: int, gamma: float, terminated: bool) -> np.float32:
    """What the value of the successor counts: nothing where there is none."""
    power = 1.0
    for _ in range(length):
        power *= gamma
    return np.float32(0.0 if terminated else power)


def _ended(row: Mapping[str, Any]) -> bool:
    return bool(row["terminated"] or row["truncated"])


def _copy(leaf: Leaf, value: Any) -> np.ndarray:
    return np.array(value, dtype=leaf.dtype).reshape(leaf.shape)
