"""Stable-Baselines3: ``add`` and ``sample`` as ``OffPolicyAlgorithm`` and ``DQN.train`` call them.

https://stable-baselines3.readthedocs.io/en/master/common/buffers.html
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import islice

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from bench.workloads import Array, Loop, Rows, make_steps

label = "Stable-Baselines3"


def version() -> str:
    return version_of("stable-baselines3")


def make(capacity: int, obs_dim: int, action_dim: int) -> ReplayBuffer:
    observation_space = spaces.Box(-np.inf, np.inf, (obs_dim,), np.float32)
    action_space = spaces.Box(-1, 1, (action_dim,), np.float32)
    return ReplayBuffer(
        capacity, observation_space, action_space, device="cpu", handle_timeout_termination=True
    )


def fill(buffer: ReplayBuffer, rows: Rows) -> None:
    # its extend() is a loop over add(), ten seconds for a million rows; this writes the same arrays
    buffer.observations[:, 0] = rows.obs
    buffer.next_observations[:, 0] = rows.next_obs
    buffer.actions[:, 0] = rows.action
    buffer.rewards[:, 0] = rows.reward
    buffer.dones[:, 0] = rows.terminated | rows.truncated
    buffer.timeouts[:, 0] = rows.truncated
    buffer.full = True


def add(buffer: ReplayBuffer, action: Array) -> Loop:
    # a leading axis of environments and one info each, as collect_rollouts hands them over
    steps = make_steps((1, *buffer.obs_shape))
    actions = action[np.newaxis]
    reward, done, infos = (
        np.ones(1, np.float32),
        np.zeros(1, bool),
        [{"TimeLimit.truncated": False}],
    )

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, next_obs, actions, reward, done, infos)

    return loop


def sample(buffer: ReplayBuffer, size: int) -> dict[str, Loop]:
    def tensors(calls: int) -> ReplayBufferSamples:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    return {"tensors": tensors}


def columns(batch: ReplayBufferSamples) -> dict[str, Array]:
    # dones leaves timeouts out: it says what others call terminated
    names = {"obs": 0, "action": 1, "next_obs": 2, "terminated": 3, "reward": 4}
    return {name: batch[position].numpy() for name, position in names.items()}
