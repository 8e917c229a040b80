"""rlox: Rust and PyO3. ``push``, ``push_batch`` and ``sample`` as in the docstrings of ``rlox.ReplayBuffer``.

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

from bench.workloads import Array, Loop, Rows

label = "rlox"


def version() -> str:
    return version_of("rlox")


def make(buffer: str, rows: Rows) -> rlox.ReplayBuffer:
    if buffer != "uniform":
        raise ValueError(f"only its uniform buffer is measured, not {buffer!r}")
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


def add(buffer: rlox.ReplayBuffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    steps = cycle(walk)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.push(obs, action, 1.0, False, False, next_obs)

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


def columns(batch: dict[str, Any]) -> dict[str, Array]:
    renamed = {"action": "actions", "reward": "rewards"}
    names = ("obs", "action", "reward", "next_obs", "terminated", "truncated")
    return {name: np.asarray(batch[renamed.get(name, name)]) for name in names}
