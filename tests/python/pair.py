"""A buffer and its model, driven by the same operations; what comes out is replay.py's to judge."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from generators import random_value, stack
from judges import judge_of
from model import Tree, leaves, map_tree, same_bits
from setups import Setup, random_gamma
from streams import Stream

FINAL_KEYS = ("final_obs", "final_observation", "terminal_observation")
HELD_BATCHES = 8


class Pair:
    """Everything random comes from `rng`, so a seed is a reproduction."""

    def __init__(self, rng: np.random.Generator, setup: Setup) -> None:
        self.setup = setup
        self.rng = rng
        self.buffer = setup.buffer(seed=int(rng.integers(2**63)))
        self.model = setup.model()
        self.judge = judge_of(setup.sampler, self.model)
        self.streams = [
            Stream(rng, setup.fields, setup.frame_stack, finite_rewards=setup.sums)
            for _ in range(setup.num_envs)
        ]
        self.held: deque[tuple[Tree, Tree]] = deque()
        self.drawn: deque[np.ndarray] = deque(maxlen=3)  # indices of the latest batches

    def add(self) -> None:
        env_ids = self._some_envs()
        step = stack([self.streams[env].row() for env in env_ids])
        final_obs = self._autoreset(step, env_ids)
        self.model.add(step, env_ids, final_obs)
        self.judge.changed()
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
        self.judge.changed()
        if self.model.num_envs == 1 and self.rng.random() < 0.5:
            steps = map_tree(lambda leaf: leaf[:, 0], steps)
        self.buffer.extend(**steps, **self._ids(env_ids))

    def end_episode(self) -> None:
        env_ids = self._some_envs()
        self.model.end_episode(env_ids)
        self.buffer.end_episode(**self._ids(env_ids))

    def clear(self) -> None:
        self.model.clear()
        self.judge.changed()
        self.buffer.clear()

    def set_n_step(self) -> None:
        if self.setup.sums:
            self.model.n_step = self.buffer.n_step = int(self.rng.integers(1, 8))

    def set_gamma(self) -> None:
        self.model.gamma = self.buffer.gamma = random_gamma(self.rng)

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

    def check(self) -> None:
        assert len(self.buffer) == len(self.model)

    def check_held(self) -> None:
        for got, copy in self.held:
            assert_same(got, copy)

    def keep(self, got: Tree) -> None:
        """A batch is held for a while, and must not change under whoever holds it."""
        self.held.append((got, map_tree(np.copy, got)))
        if len(self.held) > HELD_BATCHES:
            assert_same(*self.held.popleft())

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

    def _autoreset(self, step: Tree, env_ids: list[int]) -> list[Tree] | None:
        """In SAME_STEP mode `step` returns the next episodes' first observations: put them there.

        Returns the final observations, which are in the info then; None when nothing ended.
        """
        ended = step["terminated"] | step["truncated"]
        if self.model.autoreset != "same_step" or not ended.any():
            return None
        final_obs: list[Tree] = [None] * len(env_ids)
        for place in np.flatnonzero(ended):
            final_obs[place] = map_tree(lambda leaf, at=place: leaf[at].copy(), step["next_obs"])
            first = self.streams[env_ids[place]].restart()
            map_tree(lambda leaf, value, at=place: _put(leaf, at, value), step["next_obs"], first)
        return final_obs

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


def _put(leaf: np.ndarray, place: int, value: np.ndarray) -> None:
    leaf[place] = value


def _has_tuple(tree: Tree) -> bool:
    if isinstance(tree, dict):
        return any(_has_tuple(part) for part in tree.values())
    return isinstance(tree, tuple)


def assert_same(got: Tree, expected: Tree) -> None:
    left, right = dict(leaves(got)), dict(leaves(expected))
    assert left.keys() == right.keys()
    for path, array in left.items():
        assert same_bits(array, right[path]), f"{path}: got {array!r}, expected {right[path]!r}"
