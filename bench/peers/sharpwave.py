"""sharpwave: as in its README."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch

import sharpwave as sw
from bench.workloads import GAMMA, Array, Loop, Rows, Values, make_steps

label = "sharpwave"


def version() -> str:
    return sw.__version__


def make(capacity: int, obs_dim: int, action_dim: int) -> sw.ReplayBuffer:
    return sw.ReplayBuffer(
        capacity,
        observation_space=sw.Field((obs_dim,), np.float32),
        action_space=sw.Field((action_dim,), np.float32),
        gamma=GAMMA,
    )


def fill(buffer: sw.ReplayBuffer, rows: Rows) -> None:
    buffer.extend(*vars(rows).values())


def add(buffer: sw.ReplayBuffer, action: Array) -> Loop:
    steps = make_steps()

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs, action, 1.0, next_obs, False, False)

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


def columns(batch: Any) -> dict[str, Array]:
    return {name: np.asarray(batch[name]) for name in batch.keys()}  # noqa: SIM118


def td(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, next_q_target = vars(values).values()
    rewards, discounts, next_qs, next_q_targets = map(torch.from_numpy, vars(values).values())

    def target(calls: int) -> Array:
        for _ in range(calls):
            out = sw.td.target(reward, discount, next_q)
        return out

    def target_tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            out = sw.td.target(rewards, discounts, next_qs)
        return out

    def double_target(calls: int) -> Array:
        for _ in range(calls):
            out = sw.td.double_target(reward, discount, next_q, next_q_target)
        return out

    def double_target_tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            out = sw.td.double_target(rewards, discounts, next_qs, next_q_targets)
        return out

    return {
        "target/arrays": target,
        "target/tensors": target_tensors,
        "double_target/arrays": double_target,
        "double_target/tensors": double_target_tensors,
    }
