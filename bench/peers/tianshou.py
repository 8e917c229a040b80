"""Tianshou: ``sample`` and ``update_weight`` as ``OffPolicyAlgorithm`` calls them around a gradient step.

https://tianshou.org/en/stable/01_tutorials/02_internals.html
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import cycle, islice
from typing import Any

import numpy as np
from tianshou.data import Batch, PrioritizedReplayBuffer
from torch import from_numpy

from bench.checks import ALPHA, initial_errors
from bench.workloads import Array, Loop, Rows, make_errors

label = "Tianshou"


def version() -> str:
    return version_of("tianshou")


def make(buffer: str, rows: Rows) -> PrioritizedReplayBuffer:
    if buffer != "prioritized":
        raise ValueError(f"only its prioritized buffer is measured, not {buffer!r}")
    made = PrioritizedReplayBuffer(len(rows), alpha=ALPHA, beta=0.4)
    # one add() makes its arrays; a million would take minutes, so the rest is written into them
    stored = {
        "obs": rows.obs,
        "act": rows.action,
        "rew": rows.reward,
        "obs_next": rows.next_obs,
        "terminated": rows.terminated,
        "truncated": rows.truncated,
    }
    made.add(Batch({name: column[0] for name, column in stored.items()}, info={}))
    for name, column in stored.items():
        made._meta[name][:] = column
    made._meta.done[:] = rows.terminated | rows.truncated
    made._size, made._insertion_idx = len(rows), 0
    made.update_weight(np.arange(len(rows)), initial_errors(rows))
    return made


def prioritized(buffer: PrioritizedReplayBuffer, size: int) -> dict[str, Loop]:
    errors = cycle(make_errors(size))

    def arrays(calls: int) -> Batch:
        for error in islice(errors, calls):
            batch, indices = buffer.sample(size)
            buffer.update_weight(indices, error)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for error in islice(errors, calls):
            drawn, indices = buffer.sample(size)
            batch = {
                name: from_numpy(column)
                for name, column in drawn.items()
                if isinstance(column, np.ndarray)
            }
            buffer.update_weight(indices, error)
        return batch

    return {"arrays": arrays, "tensors": tensors}


def columns(batch: Any) -> dict[str, Array]:
    renamed = {"action": "act", "reward": "rew", "next_obs": "obs_next"}
    names = ("obs", "action", "reward", "next_obs", "terminated", "truncated")
    return {name: np.asarray(batch[renamed.get(name, name)]) for name in names}
