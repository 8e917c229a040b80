"""RLlib: its episode buffers as its DQN samples them, ``sample(n, n_step=1, sample_episodes=True)``, and each transition read
into arrays, as its learner's connectors do. It holds 100,000 rows at most: a million takes minutes to add.

https://docs.ray.io/en/latest/rllib/rllib-replay-buffers.html
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import cycle, islice
from typing import Any

import gymnasium as gym
import numpy as np
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils.replay_buffers import EpisodeReplayBuffer, PrioritizedEpisodeReplayBuffer
from torch import from_numpy

from bench.checks import ALPHA, initial_errors
from bench.workloads import Array, Loop, Rows, make_errors

label = "RLlib"
lacks = ("tree",)
MOST = 100_000


def version() -> str:
    return version_of("ray")


def make(buffer: str, rows: Rows) -> EpisodeReplayBuffer:
    count = min(len(rows), MOST)
    if buffer == "prioritized":
        made = PrioritizedEpisodeReplayBuffer(count, alpha=ALPHA, beta=0.4)
        made.add(episodes(rows, count))
        # as if all rows had been sampled, in their order
        made._last_sampled_indices = list(range(made.get_num_timesteps()))
        made.update_priorities(initial_errors(rows)[: made.get_num_timesteps()])
        return made
    made = EpisodeReplayBuffer(count)
    made.add(episodes(rows, count))
    return made


def episodes(rows: Rows, count: int) -> list[SingleAgentEpisode]:
    ends = np.flatnonzero((rows.terminated | rows.truncated)[:count]) + 1
    return [episode(rows, begin, end) for begin, end in zip([0, *ends], ends, strict=False)]


def episode(rows: Rows, begin: int, end: int) -> SingleAgentEpisode:
    obs, action = rows.obs[begin:end], rows.action[begin:end]
    return SingleAgentEpisode(
        observation_space=gym.spaces.Box(-np.inf, np.inf, obs.shape[1:]),
        action_space=gym.spaces.Box(-1, 1, action.shape[1:]),
        observations=[*obs, rows.next_obs[end - 1]],
        actions=list(action),
        rewards=[float(reward) for reward in rows.reward[begin:end]],
        terminated=bool(rows.terminated[end - 1]),
        truncated=bool(rows.truncated[end - 1]),
        len_lookback_buffer=0,
    )


def read(drawn: list[SingleAgentEpisode]) -> dict[str, Array]:
    """Each transition's columns."""
    return {
        "obs": np.stack([each.observations[0] for each in drawn]),
        "action": np.stack([each.actions[0] for each in drawn]),
        "reward": np.array([each.rewards[0] for each in drawn], np.float32),
        "next_obs": np.stack([each.observations[1] for each in drawn]),
        "terminated": np.array([each.is_terminated for each in drawn]),
    }


def sample(buffer: EpisodeReplayBuffer, size: int) -> dict[str, Loop]:
    def arrays(calls: int) -> dict[str, Array]:
        for _ in range(calls):
            batch = read(buffer.sample(size, n_step=1, sample_episodes=True))
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for _ in range(calls):
            drawn = buffer.sample(size, n_step=1, sample_episodes=True)
            batch = {name: from_numpy(column) for name, column in read(drawn).items()}
        return batch

    return {"arrays": arrays, "tensors": tensors}


def prioritized(buffer: PrioritizedEpisodeReplayBuffer, size: int) -> dict[str, Loop]:
    errors = cycle([np.abs(error) for error in make_errors(size)])

    def arrays(calls: int) -> dict[str, Array]:
        for error in islice(errors, calls):
            batch = read(buffer.sample(size, n_step=1, beta=0.4))
            buffer.update_priorities(error)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for error in islice(errors, calls):
            drawn = read(buffer.sample(size, n_step=1, beta=0.4))
            batch = {name: from_numpy(column) for name, column in drawn.items()}
            buffer.update_priorities(error)
        return batch

    return {"arrays": arrays, "tensors": tensors}


def columns(batch: dict[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(column) for name, column in batch.items()}
