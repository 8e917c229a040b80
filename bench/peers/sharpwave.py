"""sharpwave: as in its README."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sharpwave as sw
from bench.checks import ALPHA, initial_errors
from bench.frames import DEPTH
from bench.peers.at_once import two_threads
from bench.peers.sharpwave_targets import c51, double_target, target
from bench.workloads import GAMMA, N_STEP, Array, Loop, Rows, make_errors, make_walk

__all__ = ["c51", "double_target", "target"]

label = "sharpwave"


def version() -> str:
    return sw.__version__


def options(buffer: str) -> dict[str, Any]:
    """What each sort of buffer is made with beside the defaults."""
    if buffer.startswith("envs_"):
        return {"num_envs": int(buffer.removeprefix("envs_"))}
    return {
        "uniform": {},
        "prioritized": {"sampler": sw.Prioritized(alpha=ALPHA, beta=0.4)},
        "n_step": {"n_step": N_STEP},
        "without_replacement": {"sampler": sw.WithoutReplacement()},
        "stacks": {"frame_stack": DEPTH},
        "frames": {},
    }[buffer]


def empty(buffer: str, capacity: int, obs: sw.Field, action: sw.Field) -> sw.ReplayBuffer:
    return sw.ReplayBuffer(
        capacity, observation_space=obs, action_space=action, gamma=GAMMA, **options(buffer)
    )


def make(buffer: str, rows: Rows) -> sw.ReplayBuffer:
    obs, action = (sw.Field(x.shape[1:], x.dtype) for x in (rows.obs, rows.action))
    made = empty(buffer, len(rows), obs, action)
    if buffer.startswith("envs_"):
        # round walks of every environment, as an environment's steps are chained
        walk = make_walk((made.num_envs, *rows.obs.shape[1:]))
        actions = np.zeros((made.num_envs, *rows.action.shape[1:]), np.float32)
        add_many(made, walk, actions)(len(rows) // made.num_envs)
        return made
    for part in rows.parts(1000):
        made.extend(*part)
    if buffer == "prioritized":
        made.update_priorities(np.arange(len(rows)), initial_errors(rows))
    return made


def add(buffer: sw.ReplayBuffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    steps = cycle(walk)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, action, 1.0, next_obs, False, False)

    return loop


def add_many(buffer: sw.ReplayBuffer, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    steps, envs = cycle(walk), len(actions)
    reward, flag = np.ones(envs, np.float32), np.zeros(envs, bool)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, actions, reward, next_obs, flag, flag)

    return loop


def sample(buffer: sw.ReplayBuffer, size: int) -> dict[str, Loop]:
    def arrays(calls: int) -> Any:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    def arrays_read(calls: int) -> Any:  # an array may be made only when it is asked for
        for _ in range(calls):
            batch = buffer.sample(size)
            _ = (batch.obs, batch.action, batch.reward, batch.next_obs)
            _ = (batch.terminated, batch.truncated, batch.discount, batch.index)
        return batch

    def tensors(calls: int) -> Any:
        for _ in range(calls):
            batch = buffer.sample(size).torch()
        return batch

    def tensors_read(calls: int) -> Any:
        for _ in range(calls):
            batch = buffer.sample(size).torch()
            _ = (batch.obs, batch.action, batch.reward, batch.next_obs)
            _ = (batch.terminated, batch.truncated, batch.discount, batch.index)
        return batch

    return {
        "arrays": arrays,
        "arrays-read": arrays_read,
        "tensors": tensors,
        "tensors-read": tensors_read,
    }


n_step = without_replacement = stacks = sample
threads = two_threads(sample)
stacks_add = add


def save(buffer: sw.ReplayBuffer, path: Path) -> Loop:
    def loop(calls: int) -> None:
        for _ in range(calls):
            buffer.save(path)

    return loop


def load(buffer: sw.ReplayBuffer, path: Path) -> Loop:
    buffer.save(path)

    def loop(calls: int) -> int:
        for _ in range(calls):
            loaded = sw.ReplayBuffer.load(path)
        return len(loaded)

    return loop


def prioritized(buffer: sw.ReplayBuffer, size: int) -> dict[str, Loop]:
    made = make_errors(size)
    errors, error_tensors = cycle(made), cycle([torch.from_numpy(error) for error in made])

    def arrays(calls: int) -> Any:
        for error in islice(errors, calls):
            batch = buffer.sample(size)
            buffer.update_priorities(batch.index, error)
        return batch

    def tensors(calls: int) -> Any:
        for error in islice(error_tensors, calls):
            batch = buffer.sample(size).torch()
            buffer.update_priorities(batch.index, error)
        return batch

    return {"arrays": arrays, "tensors": tensors}


def sequences(buffer: sw.ReplayBuffer, size: str) -> dict[str, Loop]:
    count, length = map(int, size.split("x"))

    def tensors(calls: int) -> Any:
        for _ in range(calls):
            batch = buffer.sample_sequences(count, length).torch()
        return batch

    return {"tensors": tensors}


def columns(batch: Any) -> dict[str, Array]:
    return {name: np.asarray(batch[name]) for name in batch.keys()}  # noqa: SIM118
