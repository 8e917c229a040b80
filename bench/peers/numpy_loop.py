"""Plain NumPy: the buffer of the tutorials, one array a field."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers.at_once import two_threads
from bench.workloads import Array, Loop, Rows, Values

label = "NumPy"


def version() -> str:
    return np.__version__


class Buffer:
    """Six arrays and a position."""

    def __init__(self, capacity: int, obs_dim: int, action_dim: int) -> None:
        self.obs = np.zeros((capacity, obs_dim), np.float32)
        self.action = np.zeros((capacity, action_dim), np.float32)
        self.reward = np.zeros(capacity, np.float32)
        self.next_obs = np.zeros((capacity, obs_dim), np.float32)
        self.terminated = np.zeros(capacity, bool)
        self.truncated = np.zeros(capacity, bool)
        self.capacity, self.position, self.size = capacity, 0, 0
        self.rng = np.random.default_rng()
        self.epoch, self.drawn = np.zeros(0, np.int64), 0

    def add(
        self,
        obs: Array,
        action: Array,
        reward: float,
        next_obs: Array,
        terminated: bool,
        truncated: bool,
    ) -> None:
        i = self.position
        self.obs[i] = obs
        self.action[i] = action
        self.reward[i] = reward
        self.next_obs[i] = next_obs
        self.terminated[i] = terminated
        self.truncated[i] = truncated
        self.position = (i + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def add_many(self, *columns: Any) -> None:
        """A row of each environment; they fit before the end."""
        count = len(columns[0])
        part = slice(self.position, self.position + count)
        for stored, column in zip(self.columns(), columns, strict=True):
            stored[part] = column
        self.position = (part.stop + count <= self.capacity) * part.stop
        self.size = max(self.size, part.stop)

    def columns(self) -> tuple[Array, ...]:
        return (
            *(self.obs, self.action, self.reward),
            *(self.next_obs, self.terminated, self.truncated),
        )

    def sample(self, size: int) -> dict[str, Array]:
        return self.take(self.rng.integers(0, self.size, size))

    def sample_epoch(self, size: int) -> dict[str, Array]:
        """The next rows of a shuffled order, and a new order when they run out."""
        if self.drawn + size > len(self.epoch):
            self.epoch, self.drawn = self.rng.permutation(self.size), 0
        self.drawn += size
        return self.take(self.epoch[self.drawn - size : self.drawn])

    def take(self, index: Array) -> dict[str, Array]:
        # take is the faster spelling of array[index]
        return {
            "obs": self.obs.take(index, axis=0),
            "action": self.action.take(index, axis=0),
            "reward": self.reward.take(index),
            "next_obs": self.next_obs.take(index, axis=0),
            "terminated": self.terminated.take(index),
            "truncated": self.truncated.take(index),
        }


def make(buffer: str, rows: Rows) -> Buffer:
    made = Buffer(len(rows), rows.obs.shape[1], rows.action.shape[1])
    for name, column in vars(rows).items():
        getattr(made, name)[:] = column
    made.size = len(rows)
    return made


def add(buffer: Buffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    steps = cycle(walk)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, action, 1.0, next_obs, False, False)

    return loop


def add_many(buffer: Buffer, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    steps, envs = cycle(walk), len(actions)
    reward, flag = np.ones(envs, np.float32), np.zeros(envs, bool)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add_many(obs, actions, reward, next_obs, flag, flag)

    return loop


def save(buffer: Buffer, path: Path) -> Loop:
    def loop(calls: int) -> None:
        for _ in range(calls):
            np.savez(path.with_suffix(".npz"), *buffer.columns())

    return loop


def load(buffer: Buffer, path: Path) -> Loop:
    save(buffer, path)(1)

    def loop(calls: int) -> int:
        for _ in range(calls):
            with np.load(path.with_suffix(".npz")) as file:
                columns = [file[name] for name in file]
        return len(columns[0])

    return loop


def sample(buffer: Buffer, size: int) -> dict[str, Loop]:
    return loops(buffer.sample, size)


threads = two_threads(sample)


def without_replacement(buffer: Buffer, size: int) -> dict[str, Loop]:
    return loops(buffer.sample_epoch, size)


def loops(draw: Callable[[int], dict[str, Array]], size: int) -> dict[str, Loop]:
    def arrays(calls: int) -> dict[str, Array]:
        for _ in range(calls):
            batch = draw(size)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for _ in range(calls):
            batch = {name: from_numpy(column) for name, column in draw(size).items()}
        return batch

    try:
        from torch import from_numpy
    except ModuleNotFoundError:
        return {"arrays": arrays}
    return {"arrays": arrays, "tensors": tensors}


def columns(batch: dict[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(column) for name, column in batch.items()}


def target(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, _ = vars(values).values()

    def arrays(calls: int) -> Array:
        for _ in range(calls):
            out = reward + discount * next_q.max(1)
        return out

    return {"arrays": arrays}


def double_target(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, next_q_target = vars(values).values()
    rows = np.arange(len(reward))

    def arrays(calls: int) -> Array:
        for _ in range(calls):
            out = reward + discount * next_q_target[rows, next_q.argmax(1)]
        return out

    return {"arrays": arrays}
