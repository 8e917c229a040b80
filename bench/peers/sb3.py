"""Stable-Baselines3: ``add`` and ``sample`` as ``OffPolicyAlgorithm`` and ``DQN.train`` call them.

``save_to_pkl`` and ``load_from_pkl`` are what ``save_replay_buffer`` and ``load_replay_buffer`` call.
https://stable-baselines3.readthedocs.io/en/master/common/buffers.html
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.save_util import load_from_pkl, save_to_pkl
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from bench.peers.at_once import two_threads
from bench.workloads import GAMMA, N_STEP, Array, Loop, Rows

label = "Stable-Baselines3"
loses_final = ("stacks",)  # optimize_memory_usage: the next episode's first is in its place


def version() -> str:
    return version_of("stable-baselines3")


def make(buffer: str, rows: Rows) -> ReplayBuffer:
    if buffer == "stacks":
        # what its users do with Atari: half the memory, and the last successor of an episode lost
        made = ReplayBuffer(
            len(rows),
            spaces.Box(0, 255, rows.obs.shape[1:], np.uint8),
            spaces.Discrete(18),
            device="cpu",
            optimize_memory_usage=True,
            handle_timeout_termination=False,
        )
    else:
        kind, options = ReplayBuffer, {}
        if buffer == "n_step":
            kind, options = NStepReplayBuffer, {"n_steps": N_STEP, "gamma": GAMMA}
        elif buffer.startswith("envs_"):
            options = {"n_envs": int(buffer.removeprefix("envs_"))}
        made = kind(
            len(rows),
            spaces.Box(-np.inf, np.inf, rows.obs.shape[1:], np.float32),
            spaces.Box(-1, 1, rows.action.shape[1:], np.float32),
            device="cpu",
            handle_timeout_termination=True,
            **options,
        )
    write(made, rows)
    return made


def write(buffer: ReplayBuffer, rows: Rows) -> None:
    # its extend() is a loop over add(), ten seconds for a million rows; this writes the same arrays
    begin, envs = 0, buffer.n_envs
    for columns in rows.parts(10_000 * envs):
        steps = len(columns[2]) // envs  # of rows that come one environment after the other
        obs, action, reward, next_obs, terminated, truncated = (
            column[: steps * envs].reshape(steps, envs, *column.shape[1:]) for column in columns
        )
        part = slice(begin, begin + steps)
        begin = part.stop
        buffer.observations[part] = obs
        if not buffer.optimize_memory_usage:
            buffer.next_observations[part] = next_obs
            buffer.timeouts[part] = truncated
        buffer.actions[part] = action.reshape(steps, envs, -1)
        buffer.rewards[part] = reward
        buffer.dones[part] = terminated | truncated
    if buffer.optimize_memory_usage:
        buffer.observations[0] = rows.next_obs[-1:]  # where the next row goes, which is never drawn
    buffer.full = True


def add(buffer: ReplayBuffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    # a leading axis of environments and one info each, as collect_rollouts hands them over
    first = [(obs[np.newaxis], next_obs[np.newaxis]) for obs, next_obs in walk]
    return add_many(buffer, first, action[np.newaxis])


def add_many(buffer: ReplayBuffer, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    steps, envs = cycle(walk), len(actions)
    reward, done = np.ones(envs, np.float32), np.zeros(envs, bool)
    infos = [{"TimeLimit.truncated": False}] * envs

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, next_obs, actions, reward, done, infos)

    return loop


stacks_add = add


def sample(buffer: ReplayBuffer, size: int) -> dict[str, Loop]:
    def tensors(calls: int) -> ReplayBufferSamples:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    return {"tensors": tensors}


n_step = stacks = sample
threads = two_threads(sample)


def save(buffer: ReplayBuffer, path: Path) -> Loop:
    def loop(calls: int) -> None:
        for _ in range(calls):
            save_to_pkl(path, buffer)

    return loop


def load(buffer: ReplayBuffer, path: Path) -> Loop:
    save(buffer, path)(1)

    def loop(calls: int) -> int:
        for _ in range(calls):
            loaded = load_from_pkl(path)
        return int(loaded.size())

    return loop


def columns(batch: ReplayBufferSamples) -> dict[str, Array]:
    names = {"obs": 0, "action": 1, "next_obs": 2, "reward": 4}
    if batch.observations.ndim == 2:
        # dones leaves timeouts out, where they are kept: it says what others call terminated
        names["terminated"] = 3
    return {name: batch[position].numpy() for name, position in names.items()}
