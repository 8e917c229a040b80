"""Steps an environment with an agent, and stores every transition once.

A single environment is stepped without batch axes, which is what makes it fast; there is no other
difference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch

from sharpwave.agents import Agent
from sharpwave.training.environments import Env, VectorEnv, describe, single_spaces
from sharpwave.training.finite import finite
from sharpwave.training.journal import Journal
from sharpwave.training.replay import as_tensors, copied, equal, replay, stacked


class Store(Protocol):
    """Where transitions go: a replay buffer, or an agent that learns from each at once."""

    @property
    def autoreset(self) -> str | None: ...

    def add(self, *transition: Any, **extras: Any) -> Any: ...

    def end_episode(self) -> Any: ...


class Episode(NamedTuple):
    """A finished episode: the transitions so far, its own, and the sum of its rewards."""

    step: int
    length: int
    total: float


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

    def add(self, step: int, length: int, total: float) -> None:
        self.count += 1
        self.recent.append(total)
        self._fresh.append(Episode(step, length, total))

    def take(self) -> list[Episode]:
        """Those finished since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "recent": list(self.recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]
        self.recent.extend(state["recent"])


class SingleCollector:
    """Collects from one environment for a run of ``steps``."""

    _obs: Any
    _total: float
    _length: int

    def __init__(self, env: Env, agent: Agent, store: Store, seed: int, steps: int) -> None:
        self.episodes = Episodes()
        self._env, self._agent, self._store, self._steps = env, agent, store, steps
        self._journal = Journal(1, seed)
        self._check = finite(env.observation_space, describe(env))
        self._begin()

    def step(self, step: int) -> int:
        """Take the step after ``step``; return the number of transitions stored, which is one."""
        action = self._agent.explore(self._obs, step, self._steps)
        extras = self._agent.extras()
        obs, reward, terminated, truncated, _ = self._env.step(action)
        self._check(obs, reward, step + 1)
        self._journal.note(0, action)
        self._store.add(self._obs, action, reward, obs, terminated, truncated, **extras)
        self._total += float(reward)
        self._length += 1
        if terminated or truncated:
            self.episodes.add(step + 1, self._length, self._total)
            self._begin()
            self._check(self._obs, reward, step + 1)
        else:
            # A copy, because some environments return the same array at every step.
            self._obs = copied(obs)
        return 1

    def state_dict(self) -> dict[str, Any]:
        """Return where the episode stands."""
        return {
            "journal": self._journal.state_dict(),
            "episodes": self.episodes.state_dict(),
            "obs": as_tensors(self._obs),
            "total": self._total,
            "length": self._length,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> list[int]:
        """Go back there; return the environments that could not be brought there and start anew."""
        self._journal.load_state_dict(state["journal"])
        self.episodes.load_state_dict(state["episodes"])
        obs = replay(self._env, self._journal.episode(0))
        if not equal(obs, state["obs"]):
            self._store.end_episode()
            self._begin()
            return [0]
        self._obs, self._total, self._length = copied(obs), state["total"], state["length"]
        return []

    def _begin(self) -> None:
        self._agent.begin(None)
        self._total, self._length = 0.0, 0
        self._obs = copied(self._env.reset(seed=self._journal.begin(0))[0])


class VectorCollector:
    """Collects from a vector environment in any of Gymnasium's three autoreset modes.

    In the mode DISABLED it resets environments itself, each by its own seed; then, if it can reach
    the single environments, it can also bring them back.
    """

    _obs: Any
    _totals: npt.NDArray[np.float64]
    _lengths: npt.NDArray[np.int64]
    _ended: npt.NDArray[np.bool_]

    def __init__(self, env: VectorEnv, agent: Agent, store: Store, seed: int, steps: int) -> None:
        self.episodes = Episodes()
        self._env, self._agent, self._store, self._steps = env, agent, store, steps
        self._mode = store.autoreset
        self._journal = Journal(env.num_envs, seed)
        self._check = finite(single_spaces(env)[0], describe(env))
        self._begin()

    def step(self, step: int) -> int:
        """Take a step in each environment after ``step``; return how many transitions were stored."""
        action = self._agent.explore(self._obs, step, self._steps)
        extras = self._agent.extras()
        obs, reward, terminated, truncated, info = self._env.step(action)
        self._check(obs, reward, step + 1)
        self._store.add(self._obs, action, reward, obs, terminated, truncated, info, **extras)
        # In this mode an environment that has ended spends the step on its reset: no transition.
        began = self._ended if self._mode == "next_step" else np.zeros_like(self._ended)
        real = ~began
        self._ended = (terminated | truncated) & real
        self._totals += reward * real
        self._lengths += real
        stored = int(real.sum())
        if self._mode == "disabled":
            for i in range(self._env.num_envs):
                self._journal.note(i, action[i])
        if self._ended.any():
            self._finish(step + stored)
            if self._mode == "disabled":
                obs = self._reset_ended()
                self._check(obs, reward, step + stored)
        began = began if self._mode == "next_step" else self._ended
        if began.any():
            self._agent.begin(began)
        self._obs = copied(obs)
        return stored

    def state_dict(self) -> dict[str, Any]:
        """Return where the episodes stand."""
        return {
            "journal": self._journal.state_dict(),
            "episodes": self.episodes.state_dict(),
            "obs": as_tensors(self._obs),
            "totals": torch.as_tensor(self._totals.copy()),
            "lengths": torch.as_tensor(self._lengths.copy()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> list[int]:
        """Go back there; return the environments that could not be brought there and start anew."""
        self._journal.load_state_dict(state["journal"])
        self.episodes.load_state_dict(state["episodes"])
        obs = self._replayed()
        if not equal(obs, state["obs"]):
            self._store.end_episode()
            self._begin()
            return list(range(self._env.num_envs))
        self._obs = copied(obs)
        self._totals = state["totals"].numpy().copy()
        self._lengths = state["lengths"].numpy().copy()
        return []

    def _replayed(self) -> Any:
        envs = getattr(self._env, "envs", None)
        if self._mode != "disabled" or envs is None:
            return None
        obs = [replay(env, self._journal.episode(i)) for i, env in enumerate(envs)]
        return None if any(o is None for o in obs) else stacked(self._env, obs)

    def _begin(self) -> None:
        number = self._env.num_envs
        self._agent.begin(None)
        self._totals, self._lengths = np.zeros(number), np.zeros(number, np.int64)
        self._ended = np.zeros(number, bool)
        seeds: Any = [self._journal.begin(i) for i in range(number)]
        # Those who reset themselves take one seed for all of what follows.
        seed = seeds if self._mode == "disabled" else seeds[0]
        self._obs = copied(self._env.reset(seed=seed)[0])

    def _finish(self, step: int) -> None:
        for i in np.flatnonzero(self._ended):
            self.episodes.add(step, int(self._lengths[i]), float(self._totals[i]))
        self._totals[self._ended] = 0.0
        self._lengths[self._ended] = 0

    def _reset_ended(self) -> Any:
        seeds: Any = [
            self._journal.begin(i) if ended else None for i, ended in enumerate(self._ended)
        ]
        return self._env.reset(seed=seeds, options={"reset_mask": self._ended.copy()})[0]


class NoCollector:
    """Collects nothing: a step is one of learning alone."""

    def __init__(self) -> None:
        self.episodes = Episodes()

    def step(self, _step: int) -> int:
        """Count the step."""
        return 1

    def state_dict(self) -> dict[str, Any]:
        """Nothing stands anywhere."""
        return {}

    def load_state_dict(self, _state: Mapping[str, Any]) -> list[int]:
        """Nothing is to be brought anywhere."""
        return []


def collector(
    env: Env | VectorEnv, agent: Agent, store: Store, seed: int, steps: int
) -> SingleCollector | VectorCollector:
    """Return the collector that fits the environment."""
    if isinstance(env, gym.vector.VectorEnv):
        return VectorCollector(env, agent, store, seed, steps)
    return SingleCollector(env, agent, store, seed, steps)
