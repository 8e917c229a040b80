"""Plain NumPy: the buffer of the tutorials, one array a field."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from bench.workloads import Array, Loop, Rows, Values, make_steps

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

    def sample(self, size: int) -> dict[str, Array]:
        # take is the faster spelling of array[index]
        index = self.rng.integers(0, self.size, size)
        return {
            "obs": self.obs.take(index, axis=0),
            "action": self.action.take(index, axis=0),
            "reward": self.reward.take(index),
            "next_obs": self.next_obs.take(index, axis=0),
            "terminated": self.terminated.take(index),
            "truncated": self.truncated.take(index),
        }


def make(capacity: int, obs_dim: int, action_dim: int) -> Buffer:
    return Buffer(capacity, obs_dim, action_dim)


def fill(buffer: Buffer, rows: Rows) -> None:
    for name, column in vars(rows).items():
        getattr(buffer, name)[:] = column
    buffer.size = len(rows)


def add(buffer: Buffer, action: Array) -> Loop:
    steps = make_steps(buffer.obs.shape[1:])

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, action, 1.0, next_obs, False, False)

    return loop


def sample(buffer: Buffer, size: int) -> dict[str, Loop]:
    def arrays(calls: int) -> dict[str, Array]:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for _ in range(calls):
            batch = {name: from_numpy(column) for name, column in buffer.sample(size).items()}
        return batch

    try:
        from torch import from_numpy
    except ModuleNotFoundError:
        return {"arrays": arrays}
    return {"arrays": arrays, "tensors": tensors}


def columns(batch: dict[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(column) for name, column in batch.items()}


def td(values: Values) -> dict[str, Loop]:
    reward, discount = values.reward, values.discount
    next_q, next_q_target = values.next_q, values.next_q_target
    rows = np.arange(len(reward))

    def target(calls: int) -> Array:
        for _ in range(calls):
            out = reward + discount * next_q.max(1)
        return out

    def double_target(calls: int) -> Array:
        for _ in range(calls):
            out = reward + discount * next_q_target[rows, next_q.argmax(1)]
        return out

    return {"target/arrays": target, "double_target/arrays": double_target}
