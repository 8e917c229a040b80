"""RLlib 2.60: its episode buffers beside ours, as DQN calls them: transitions of n steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils import replay_buffers as theirs

import sharpwave.compat.rllib as ours
from bench.adapters.data import ACTION, OBS

STEPS = 200_000  # a million of RLlib's take minutes to add
LENGTH = 200
SIZES = (32, 256)
SPACES = gym.spaces.Box(-9, 9, (OBS,)), gym.spaces.Box(-1, 1, (ACTION,))


def episodes(count: int, length: int) -> list[SingleAgentEpisode]:
    rng = np.random.default_rng(0)
    return [
        SingleAgentEpisode(
            observation_space=SPACES[0],
            action_space=SPACES[1],
            observations=list(rng.normal(size=(length + 1, OBS)).astype("f4")),
            actions=list(rng.uniform(-1, 1, (length, ACTION)).astype("f4")),
            rewards=list(rng.normal(size=length)),
            terminated=True,
            len_lookback_buffer=0,
        )
        for _ in range(count)
    ]


def batch_of(sample: list[SingleAgentEpisode]) -> dict[str, Any]:
    """What a learner reads of each transition."""
    return {
        "obs": np.stack([x.observations[0] for x in sample]),
        "new_obs": np.stack([x.observations[1] for x in sample]),
        "actions": np.stack([x.actions[0] for x in sample]),
        "rewards": np.array([x.rewards[0] for x in sample]),
        "terminateds": np.array([x.is_terminated for x in sample]),
    }


def adding(buffer: Any) -> Callable[[], object]:
    """A new episode of four steps at a time, as a runner of one environment hands it over."""
    fresh = itertools.cycle(episodes(2000, 4))
    numbers = itertools.count()

    def call() -> None:
        episode = next(fresh)
        episode.id_ = str(next(numbers))
        buffer.add(episode)

    return call


def sampling(buffer: Any, size: int, use: Callable[[Any], object]) -> Callable[[], object]:
    return lambda: use(buffer.sample(size, n_step=1, sample_episodes=True))


def updating(buffer: Any, size: int) -> Callable[[], object]:
    error = np.random.default_rng(0).random(size)

    def call() -> object:
        sample = buffer.sample(size, n_step=1, beta=0.4)
        buffer.update_priorities(error)
        return sample

    return call


def operations() -> dict[str, dict[str, Callable[[], object]]]:
    found: dict[str, dict[str, Callable[[], object]]] = {}
    for name in ("EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer"):
        both: dict[str, Any] = {}
        for who, module in (("sharpwave", ours), ("peer", theirs)):
            both[who] = getattr(module, name)(STEPS)
            both[who].add(episodes(STEPS // LENGTH, LENGTH))
        for size in SIZES:
            if name == "EpisodeReplayBuffer":
                found[f"{name}.sample({size})"] = {
                    who: sampling(b, size, list) for who, b in both.items()
                }
                found[f"{name}.sample({size}), each transition read"] = {
                    who: sampling(b, size, batch_of) for who, b in both.items()
                }
            else:
                found[f"{name}.sample({size}) and update_priorities"] = {
                    who: updating(b, size) for who, b in both.items()
                }
        found[f"{name}.add(an episode of 4 steps)"] = {who: adding(b) for who, b in both.items()}
    return found
