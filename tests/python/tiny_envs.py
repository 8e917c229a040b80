"""Environments small enough to know what an agent should do in them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np


class Chain(gymnasium.Env):
    """Five places in a row; 1 goes right, 0 goes left, and the right end pays 1 and terminates."""

    def __init__(self, limit: int = 20) -> None:
        self.observation_space = gymnasium.spaces.Discrete(5)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.limit = limit

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.t = 0, 0
        return self.place, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.place = max(self.place + (1 if action == 1 else -1), 0)
        self.t += 1
        arrived = self.place == 4
        return self.place, float(arrived), arrived, self.t >= self.limit and not arrived, {}


class Coin(gymnasium.Env):
    """One step an episode; the return is where the generator of the episode's seed falls."""

    def __init__(self, reward: float | None = None) -> None:
        self.observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(3)
        self.reward = reward
        self.seeds: list[int | None] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.seeds.append(seed)
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = self.np_random.random() if self.reward is None else self.reward
        return np.ones(2, np.float32), reward, True, False, {}


class Always:
    """A policy that does the same whatever it sees."""

    def __init__(self, action: int) -> None:
        self.action = action

    def act(self, obs: Any) -> int:
        return self.action
