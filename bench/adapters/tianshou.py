"""Tianshou's buffers and ours, a million rows each, every row written before the clock starts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import torch
from tianshou import data as peer
from tianshou.data import Batch

from bench.adapters.__main__ import Operations
from bench.adapters.data import ACTION, BATCHES, OBS, ROWS
from sharpwave.compat import tianshou as ours

ENVIRONMENTS = 10
PRIORITIES = {"alpha": 0.6, "beta": 0.4}


def steps(count: int) -> Batch:
    """What a collector of so many environments adds in one step."""
    rng = np.random.default_rng(0)
    return Batch(
        obs=rng.normal(size=(count, OBS)).astype(np.float32),
        act=rng.normal(size=(count, ACTION)).astype(np.float32),
        policy=Batch(),
        obs_next=rng.normal(size=(count, OBS)).astype(np.float32),
        rew=rng.normal(size=count),
        terminated=np.zeros(count, bool),
        truncated=np.zeros(count, bool),
        done=np.zeros(count, bool),
        info=Batch(env_id=np.arange(count)),
    )


def filled(buffer: Any, batch: Batch) -> Any:
    """Write every row: the columns in place, then the books."""
    buffer.add(batch, np.arange(len(batch)))
    for column in (buffer.obs, buffer.act, buffer.obs_next, buffer.rew):
        column[:] = np.random.default_rng(1).normal(size=column.shape)
    for part in getattr(buffer, "buffers", [buffer]):
        part._size = part.maxsize
    if hasattr(buffer, "_lengths"):
        buffer._lengths[:] = ROWS // ENVIRONMENTS
    if hasattr(buffer, "weight"):
        weights = np.random.default_rng(2).exponential(size=ROWS) + 0.01
        for first in range(0, ROWS, 10_000):
            places = np.arange(first, first + 10_000)
            buffer.weight[places] = weights[places]
    return buffer


def adder(buffer: Any, batch: Batch) -> Callable[[], object]:
    places = np.arange(len(batch))
    return lambda: buffer.add(batch, places)


def sampler(buffer: Any, size: int) -> Callable[[], object]:
    return lambda: buffer.sample(size)


def updater(buffer: Any, size: int) -> Callable[[], object]:
    errors = cycle([torch.rand(size) for _ in range(100)])  # others each time, as in training
    return lambda: buffer.update_weight(buffer.sample_indices(size), next(errors))


def operations() -> Operations:
    torch.set_num_threads(1)
    one, many = steps(1), steps(ENVIRONMENTS)
    kinds: dict[str, tuple[Batch, Callable[[Any], Any]]] = {
        "ReplayBuffer": (one, lambda of: of.ReplayBuffer(ROWS)),
        "VectorReplayBuffer": (many, lambda of: of.VectorReplayBuffer(ROWS, ENVIRONMENTS)),
        "PrioritizedVectorReplayBuffer": (
            many,
            lambda of: of.PrioritizedVectorReplayBuffer(ROWS, ENVIRONMENTS, **PRIORITIES),
        ),
    }
    measured: dict[str, dict[str, Callable[[], object]]] = {}
    for kind, (batch, make) in kinds.items():
        both = {"sharpwave": filled(make(ours), batch), "peer": filled(make(peer), batch)}
        for size in BATCHES:
            measured[f"{kind}.sample({size})"] = {
                who: sampler(buffer, size) for who, buffer in both.items()
            }
        measured[f"{kind}.add({len(batch)} steps)"] = {
            who: adder(buffer, batch) for who, buffer in both.items()
        }
        if "Prioritized" in kind:
            measured[f"{kind}: draw 64, update_weight"] = {
                who: updater(buffer, 64) for who, buffer in both.items()
            }
    return measured
