"""Rows of Atari: frames of 84 by 84 bytes, alone or in stacks of four, each frame in memory once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.workloads import Array, Rows, make_ends

SIDE, DEPTH = 84, 4
FRAME_BYTES = SIDE * SIDE


@dataclass(frozen=True)
class Gathered:
    """Observations that are made when they are asked for: ``self[i]`` is ``frames[places[i]]``."""

    frames: Array
    places: Array

    def __getitem__(self, index: Any) -> Array:
        found: Array = self.frames[self.places[index]]
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.places.shape, *self.frames.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.frames.dtype


def make_stacks(count: int, *, seed: int = 0, depth: int = DEPTH) -> Rows:
    """``count`` transitions of stacks; an episode's first frame is repeated in its first stacks."""
    rng = np.random.default_rng(seed)
    terminated, truncated = make_ends(count, rng)
    ended = terminated | truncated
    episode = np.concatenate([[0], np.cumsum(ended)[:-1]])
    begins = np.concatenate([[0], np.flatnonzero(ended[:-1]) + 1])
    newest = np.arange(count) + episode  # an episode has one frame more than it has steps
    first = (begins + np.arange(len(begins)))[episode]
    back = np.arange(depth - 1, -1, -1)
    places = np.maximum(newest[:, None] - back, first[:, None])
    next_places = np.maximum(newest[:, None] + 1 - back, first[:, None])
    total = int(newest[-1]) + 2
    frames = np.frombuffer(rng.bytes(total * FRAME_BYTES), np.uint8).reshape(total, SIDE, SIDE)
    return Rows(
        obs=Gathered(frames, places),
        action=rng.integers(0, 18, count),
        reward=np.arange(count, dtype=np.float32),
        next_obs=Gathered(frames, next_places),
        terminated=terminated,
        truncated=truncated,
    )


def make_frames(count: int, *, seed: int = 0) -> Rows:
    """The same with the newest frame alone."""
    rows = make_stacks(count, seed=seed, depth=1)
    alone = {
        name: Gathered(stacks.frames, stacks.places[:, 0])
        for name, stacks in (("obs", rows.obs), ("next_obs", rows.next_obs))
    }
    return Rows(**{**vars(rows), **alone})


def make_stack_walk(*, seed: int = 1, steps: int = 64) -> list[tuple[Array, Array]]:
    """(obs, next_obs) of a round walk of stacks; few, for a loop's newest stack is in the cache."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (steps, SIDE, SIDE), np.uint8)
    at = (np.arange(steps)[:, None] + np.arange(DEPTH)) % steps
    stacks = [np.ascontiguousarray(frames[places]) for places in at]
    return list(zip(stacks, stacks[1:] + stacks[:1], strict=True))
