"""Steps an environment with an agent, and stores every transition once.

A single environment is stepped without batch axes, which is what makes it fast; there is no other
difference.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import gymnasium as gym
import numpy as np

from sharpwave import ReplayBuffer
from sharpwave.agents import DQN
from sharpwave.training.environments import Env, VectorEnv


class Episode(NamedTuple):
    """A finished episode: the sum of its rewards, and its transitions."""

    total: float
    length: int


class Episodes:
    """The episodes finished in training.

    Attributes
    ----------
    count
        All so far.
    recent
        Returns of the last 20.
    """

    def __init__(self) -> None:
        self.count = 0
        self.recent: deque[float] = deque(maxlen=20)
        self._fresh: list[Episode] = []

    def add(self, total: float, length: int) -> None:
        self.count += 1
        self.recent.append(total)
        self._fresh.append(Episode(total, length))

    def take(self) -> list[Episode]:
        """Those finished since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh


class SingleCollector:
    """Collects from one environment."""

    def __init__(self, env: Env, agent: DQN, buffer: ReplayBuffer, seed: int) -> None:
        self.episodes = Episodes()
        self._env, self._agent, self._buffer = env, agent, buffer
        self._total, self._length = 0.0, 0
        self._obs = np.array(env.reset(seed=seed)[0])

    def step(self, epsilon: float) -> int:
        """Take one step and return the number of transitions stored, which is one."""
        action = self._agent.act(self._obs, epsilon)
        obs, reward, terminated, truncated, _ = self._env.step(action)
        self._buffer.add(self._obs, action, reward, obs, terminated, truncated)
        self._total += float(reward)
        self._length += 1
        if terminated or truncated:
            self._finish()
            obs, _ = self._env.reset()
        # A copy, because some environments return the same array at every step.
        self._obs = np.array(obs)
        return 1

    def _finish(self) -> None:
        self.episodes.add(self._total, self._length)
        self._total, self._length = 0.0, 0


class VectorCollector:
    """Collects from a vector environment in any of Gymnasium's three autoreset modes."""

    def __init__(self, env: VectorEnv, agent: DQN, buffer: ReplayBuffer, seed: int) -> None:
        self.episodes = Episodes()
        self._env, self._agent, self._buffer = env, agent, buffer
        self._mode = buffer.autoreset
        self._totals = np.zeros(env.num_envs)
        self._lengths = np.zeros(env.num_envs, np.int64)
        self._ended = np.zeros(env.num_envs, bool)
        self._obs = np.array(env.reset(seed=seed)[0])

    def step(self, epsilon: float) -> int:
        """Take one step in each environment and return the number of transitions stored."""
        action = self._agent.act(self._obs, epsilon)
        obs, reward, terminated, truncated, info = self._env.step(action)
        self._buffer.add(self._obs, action, reward, obs, terminated, truncated, info)
        # In this mode an environment that has ended spends the step on its reset: no transition.
        real = ~self._ended if self._mode == "next_step" else np.ones_like(self._ended)
        self._ended = (terminated | truncated) & real
        self._totals += reward * real
        self._lengths += real
        if self._ended.any():
            self._finish()
            if self._mode == "disabled":
                obs, _ = self._env.reset(options={"reset_mask": self._ended})
        self._obs = np.array(obs)
        return int(real.sum())

    def _finish(self) -> None:
        for i in np.flatnonzero(self._ended):
            self.episodes.add(float(self._totals[i]), int(self._lengths[i]))
        self._totals[self._ended] = 0.0
        self._lengths[self._ended] = 0


def collector(
    env: Env | VectorEnv, agent: DQN, buffer: ReplayBuffer, seed: int
) -> SingleCollector | VectorCollector:
    """Return the collector that fits the environment."""
    if isinstance(env, gym.vector.VectorEnv):
        return VectorCollector(env, agent, buffer, seed)
    return SingleCollector(env, agent, buffer, seed)
