"""cpprb: C++ and Cython. Constructor, ``add`` and ``sample`` as in its README, "Example Code".

https://ymd_h.gitlab.io/cpprb/
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import islice
from typing import Any

import cpprb
import numpy as np
from torch import from_numpy

from bench.workloads import Array, Loop, Rows, make_steps

label = "cpprb"


def version() -> str:
    return version_of("cpprb")


def make(capacity: int, obs_dim: int, action_dim: int) -> cpprb.ReplayBuffer:
    return cpprb.ReplayBuffer(
        capacity,
        env_dict={
            "obs": {"shape": obs_dim},
            "act": {"shape": action_dim},
            "rew": {},
            "next_obs": {"shape": obs_dim},
            "done": {},
        },
    )


def fill(buffer: cpprb.ReplayBuffer, rows: Rows) -> None:
    # one done, as in the README; the flags are kept apart in the other buffers
    buffer.add(
        obs=rows.obs, act=rows.action, rew=rows.reward, next_obs=rows.next_obs, done=rows.terminated
    )


def add(buffer: cpprb.ReplayBuffer, action: Array) -> Loop:
    steps = make_steps()

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs=obs, act=action, rew=1.0, next_obs=next_obs, done=False)

    return loop


def sample(buffer: cpprb.ReplayBuffer, size: int) -> dict[str, Loop]:
    def arrays(calls: int) -> dict[str, Array]:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for _ in range(calls):
            batch = {name: from_numpy(column) for name, column in buffer.sample(size).items()}
        return batch

    return {"arrays": arrays, "tensors": tensors}


def columns(batch: dict[str, Any]) -> dict[str, Array]:
    names = {
        "obs": "obs",
        "action": "act",
        "reward": "rew",
        "next_obs": "next_obs",
        "terminated": "done",
    }
    return {name: np.asarray(batch[theirs]) for name, theirs in names.items()}
