"""A Gymnasium environment that counts, so that every observation tells where it came from."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np


class CountingEnv(gymnasium.Env):
    """obs = base + 100 * episode + t, reward = 10 + t; every `length` steps an end."""

    def __init__(
        self, base: int = 0, length: int = 3, end: str = "terminated", as_dict: bool = False
    ) -> None:
        number = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.as_dict = as_dict
        self.observation_space = gymnasium.spaces.Dict(n=number) if as_dict else number
        self.action_space = gymnasium.spaces.Discrete(2)
        self.base, self.length, self.end = base, length, end
        self.episode, self.t = -1, 0
        self.frame = np.zeros(1, np.float32)  # one array for ever, as many environments have it

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        self.episode, self.t = self.episode + 1, 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        over = self.t == self.length
        ends = (over and self.end == "terminated", over and self.end == "truncated")
        return self._obs(), 10.0 + self.t, *ends, {}

    def _obs(self) -> Any:
        self.frame[0] = self.base + 100 * self.episode + self.t
        return {"n": self.frame} if self.as_dict else self.frame
