"""A buffer and its model, driven by the same operations; whatever they show must agree."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from generators import Stream, random_value, stack
from model import Leaf, PlainBuffer, Tree, leaves, map_tree, same_bits

import sharpwave as sw

FINAL_KEYS = ("final_obs", "final_observation", "terminal_observation")
HELD_BATCHES = 8


class Pair:
    """Everything random comes from `rng`, so a seed is a reproduction."""

    def __init__(
        self,
        rng: np.random.Generator,
        fields: dict[str, Tree],
        *,
        capacity: int,
        num_envs: int,
        autoreset: str | None,
        spaces: Any = None,
    ) -> None:
        extra = {name: fields[name] for name in fields if name not in ("obs", "action")}
        self.buffer = sw.ReplayBuffer(
            capacity,
            observation_space=as_space(fields["obs"], spaces),
            action_space=as_space(fields["action"], spaces),
            num_envs=num_envs,
            autoreset=autoreset,
            extra_fields={name: as_space(tree, None) for name, tree in extra.items()},
            seed=int(rng.integers(2**63)),
        )
        self.model = PlainBuffer(capacity, fields, num_envs, autoreset)
        self.rng = rng
        self.streams = [Stream(rng, fields) for _ in range(num_envs)]
        self.held: deque[tuple[Any, Tree]] = deque()

    def add(self) -> None:
        env_ids = self._some_envs()
        step = stack([self.streams[env].row() for env in env_ids])
        ended = step["terminated"] | step["truncated"]
        final_obs = None
        if self.model.autoreset == "same_step" and ended.any():
            final_obs = [self._observation() if end else None for end in ended]
        self.model.add(step, env_ids, final_obs)
        info = self._info(final_obs)
        if self.model.num_envs == 1 and info is None and self.rng.random() < 0.5:
            step = map_tree(lambda leaf: leaf[:1].reshape(leaf.shape[1:]), step)
        self.buffer.add(**step, info=info, **self._ids(env_ids))

    def extend(self, length: int) -> None:
        env_ids = self._some_envs()
        if length == 0:
            steps = map_tree(lambda leaf: leaf[:0], self._steps(1, env_ids))
        else:
            steps = self._steps(length, env_ids)
        self.model.extend(steps, env_ids)
        if self.model.num_envs == 1 and self.rng.random() < 0.5:
            steps = map_tree(lambda leaf: leaf[:, 0], steps)
        self.buffer.extend(**steps, **self._ids(env_ids))

    def end_episode(self) -> None:
        env_ids = self._some_envs()
        self.model.end_episode(env_ids)
        self.buffer.end_episode(**self._ids(env_ids))

    def clear(self) -> None:
        self.model.clear()
        self.buffer.clear()

    def bad_add(self) -> None:
        """A call that must be refused; that it left nothing behind shows in what follows."""
        env_ids = list(range(self.model.num_envs))
        step = stack([Stream(self.rng, self.streams[0].fields).row() for _ in env_ids])
        name = str(self.rng.choice(list(step)))
        spoiled: list[dict[str, Any]] = [
            {name: map_tree(lambda leaf: leaf[..., None], step[name])},
            {"terminated": step["terminated"] + np.uint8(2)},
            {"truncated": step["truncated"] + 0.5},
            {"reward": np.repeat(step["reward"], 2)},
            {"no_such_field": step["reward"]},
            {"env_ids": [*env_ids[1:], len(env_ids)]},
            {"env_ids": [*env_ids[1:], -1]},
            {"env_ids": [0] * (len(env_ids) + 1)},
        ]
        with pytest.raises((ValueError, KeyError, IndexError)):
            self.buffer.add(**(step | spoiled[self.rng.integers(len(spoiled))]))

    def sample(self, batch_size: int) -> None:
        if not len(self.model):
            with pytest.raises(ValueError, match="empty"):
                self.buffer.sample(batch_size)
            return
        batch = self.buffer.sample(batch_size)
        got = {name: batch[name] for name in batch.keys()}  # noqa: SIM118
        stored = self.model.stored()
        wrong = [index for index in batch.index.tolist() if index not in stored]
        assert not wrong, f"drew rows {wrong}, stored are {sorted(stored)}"
        assert_same(got, stack([stored[index] for index in batch.index.tolist()]))
        self.held.append((got, map_tree(np.copy, got)))
        if len(self.held) > HELD_BATCHES:
            assert_same(*self.held.popleft())

    def sample_all(self) -> None:
        """So many draws that a row which can be drawn is: missed with probability < 1e-12."""
        if len(self.model):
            indices = self.buffer.sample(32 * len(self.model)).index
            assert set(indices.tolist()) == set(self.model.stored())

    def check(self) -> None:
        assert len(self.buffer) == len(self.model)

    def check_held(self) -> None:
        for got, copy in self.held:
            assert_same(got, copy)

    def _some_envs(self) -> list[int]:
        count = self.model.num_envs
        if self.rng.random() < 0.5:
            return list(range(count))
        return self.rng.permutation(count)[: self.rng.integers(1, count + 1)].tolist()

    def _ids(self, env_ids: list[int]) -> dict[str, Any]:
        if env_ids == list(range(self.model.num_envs)) and self.rng.random() < 0.7:
            return {}
        return {"env_ids": env_ids if self.rng.random() < 0.5 else np.array(env_ids)}

    def _steps(self, length: int, env_ids: list[int]) -> Tree:
        rows = [[self.streams[env].row() for env in env_ids] for _ in range(length)]
        return stack([stack(row) for row in rows])

    def _observation(self) -> Tree:
        return map_tree(lambda leaf: random_value(self.rng, leaf), self.model.fields["obs"])

    def _info(self, final_obs: list[Tree] | None) -> dict[str, Any] | None:
        """In one of the forms in use: an array of objects, or dense arrays key by key."""
        if final_obs is None:
            return None
        key = str(self.rng.choice(FINAL_KEYS))
        if _has_tuple(self.model.fields["obs"]) or self.rng.random() < 0.5:
            objects = np.empty(len(final_obs), dtype=object)
            for place, value in enumerate(final_obs):
                objects[place] = value
            return {key: objects}
        return {key: stack([o if o is not None else self._observation() for o in final_obs])}


def _has_tuple(tree: Tree) -> bool:
    if isinstance(tree, dict):
        return any(_has_tuple(part) for part in tree.values())
    return isinstance(tree, tuple)


def as_space(tree: Tree, spaces: Any) -> Any:
    """The tree as Gymnasium spaces, or as `sw.Field`s where `spaces` is None."""
    if isinstance(tree, dict):
        parts = {key: as_space(part, spaces) for key, part in tree.items()}
        return parts if spaces is None else spaces.Dict(parts)
    if isinstance(tree, tuple):
        items = tuple(as_space(part, spaces) for part in tree)
        return items if spaces is None else spaces.Tuple(items)
    return sw.Field(tree.shape, tree.dtype) if spaces is None else _gymnasium(tree, spaces)


def _gymnasium(leaf: Leaf, spaces: Any) -> Any:
    if leaf.values:
        return spaces.Discrete(leaf.values)
    if leaf.dtype == "bool":
        return spaces.Box(0, 1, leaf.shape, bool)
    dtype = np.dtype(leaf.dtype)
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, leaf.shape, dtype.type)
    return spaces.Box(np.iinfo(dtype).min, np.iinfo(dtype).max, leaf.shape, dtype.type)


def assert_same(got: Tree, expected: Tree) -> None:
    left, right = dict(leaves(got)), dict(leaves(expected))
    assert left.keys() == right.keys()
    for path, array in left.items():
        assert same_bits(array, right[path]), f"{path}: got {array!r}, expected {right[path]!r}"
