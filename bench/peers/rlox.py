"""rlox: Rust and PyO3. ``push``, ``push_batch``, ``sample`` and ``update_priorities`` as in the docstrings of
``rlox.ReplayBuffer`` and ``rlox.PrioritizedReplayBuffer``.

https://wojciechkpl.github.io/rlox/python/
"""

from __future__ import annotations

import random
from importlib.metadata import version as version_of
from itertools import cycle, islice
from typing import Any

import numpy as np
import rlox
from torch import from_numpy

from bench.checks import ALPHA, initial_errors
from bench.peers.at_once import two_threads
from bench.workloads import Array, Loop, Rows, make_errors

label = "rlox"


def version() -> str:
    return version_of("rlox")


def make(buffer: str, rows: Rows) -> Any:
    if buffer == "prioritized":
        return make_prioritized(rows)
    made = rlox.ReplayBuffer(len(rows), rows.obs.shape[1], rows.action.shape[1])
    made.push_batch(
        rows.obs.ravel(),
        rows.next_obs.ravel(),
        rows.action.ravel(),
        rows.reward,
        rows.terminated.astype(np.uint8),
        rows.truncated.astype(np.uint8),
    )
    return made


def make_prioritized(rows: Rows) -> rlox.PrioritizedReplayBuffer:
    made = rlox.PrioritizedReplayBuffer(
        len(rows), rows.obs.shape[1], rows.action.shape[1], alpha=ALPHA, beta=0.4
    )
    for row in zip(*vars(rows).values(), initial_errors(rows), strict=True):
        obs, action, reward, next_obs, terminated, truncated, priority = row
        made.push(
            obs, action, float(reward), bool(terminated), bool(truncated), next_obs, float(priority)
        )
    return made


def add(buffer: rlox.ReplayBuffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    steps = cycle(walk)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.push(obs, action, 1.0, False, False, next_obs)

    return loop


def add_many(buffer: rlox.ReplayBuffer, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    # push_batch takes flat arrays
    steps = cycle([(obs.ravel(), next_obs.ravel()) for obs, next_obs in walk])
    envs, flat = len(actions), actions.ravel()
    reward, flag = np.ones(envs, np.float32), np.zeros(envs, np.uint8)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.push_batch(obs, next_obs, flat, reward, flag, flag)

    return loop


def sample(buffer: rlox.ReplayBuffer, size: int) -> dict[str, Loop]:
    # a new seed for every call, as its users need it, made beforehand
    seeds = cycle([random.getrandbits(63) for _ in range(2**18)])

    def arrays(calls: int) -> dict[str, Array]:
        for seed in islice(seeds, calls):
            batch = buffer.sample(size, seed)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for seed in islice(seeds, calls):
            batch = {name: from_numpy(column) for name, column in buffer.sample(size, seed).items()}
        return batch

    return {"arrays": arrays, "tensors": tensors}


threads = two_threads(sample)


def prioritized(buffer: rlox.PrioritizedReplayBuffer, size: int) -> dict[str, Loop]:
    seeds = cycle([random.getrandbits(63) for _ in range(2**16)])
    # it wants priorities above nothing; made beforehand, in its favour
    errors = cycle([np.abs(error).astype(np.float64) + 1e-6 for error in make_errors(size)])

    def arrays(calls: int) -> dict[str, Array]:
        for seed, error in islice(zip(seeds, errors, strict=False), calls):
            batch = buffer.sample(size, seed)
            buffer.update_priorities(batch["indices"], error)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for seed, error in islice(zip(seeds, errors, strict=False), calls):
            drawn = buffer.sample(size, seed)
            batch = {name: from_numpy(column) for name, column in drawn.items()}
            buffer.update_priorities(drawn["indices"], error)
        return batch

    return {"arrays": arrays, "tensors": tensors}


def columns(batch: dict[str, Any]) -> dict[str, Array]:
    renamed = {"action": "actions", "reward": "rewards"}
    names = ("obs", "action", "reward", "next_obs", "terminated", "truncated")
    return {name: np.asarray(batch[renamed.get(name, name)]) for name in names}
