"""TorchRL 0.14: its buffers over its tensor storage and over ours, TensorDicts in and out.

Its prioritized sampler needs TorchRL's compiled trees. A torch that they were not built for does
not load them; then those lines are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from tensordict import TensorDict
from torchrl import data as theirs
from torchrl.data.replay_buffers.samplers.prioritized import SumSegmentTreeFp32

import sharpwave.compat.torchrl as ours
from bench.adapters.data import BATCHES, ROWS, Steps, steps

PRIORITIES = {"alpha": 0.6, "beta": 0.4}
STORAGES = {"sharpwave": (ours, ours.SharpwaveStorage), "peer": (theirs, theirs.LazyTensorStorage)}


def transitions(data: Steps) -> TensorDict:
    """What a collector gives: the root has what a step began with, ``next`` what came of it."""
    columns = {name: torch.from_numpy(column) for name, column in vars(data).items()}
    obs, reward, done = columns["obs"], columns["reward"][:, None], columns["terminated"][:, None]
    count = len(reward)
    following = {"obs": obs[1:], "reward": reward, "done": done, "terminated": done.clone()}
    return TensorDict(
        {
            "obs": obs[:-1],
            "action": columns["action"],
            "done": torch.zeros(count, 1, dtype=torch.bool),
            "next": TensorDict(following, [count]),
        },
        [count],
    )


def buffers(name: str, data: TensorDict, prioritized: bool = False) -> dict[str, Any]:
    """One of ours and one of theirs, every row written."""
    made = {}
    for who, (module, storage) in STORAGES.items():
        sampler = module.PrioritizedSampler(ROWS, **PRIORITIES) if prioritized else None
        buffer = getattr(module, name)(storage=storage(ROWS), sampler=sampler)
        buffer.extend(data.clone(recurse=False))
        made[who] = buffer
    return made


def updating(buffer: Any, size: int) -> Callable[[], object]:
    error = torch.rand(size)

    def call() -> object:
        batch = buffer.sample(size)
        buffer.update_priority(batch["index"], error)
        return batch

    return call


def operations() -> dict[str, dict[str, Callable[[], object]]]:
    torch.set_num_threads(1)
    data = transitions(steps())
    one, many = data[0].clone(), data[:32].clone()
    found: dict[str, dict[str, Callable[[], object]]] = {}
    for name in ("ReplayBuffer", "TensorDictReplayBuffer"):
        both = buffers(name, data)
        for size in BATCHES:
            found[f"{name}.sample({size})"] = {
                who: partial(buffer.sample, size) for who, buffer in both.items()
            }
        found[f"{name}.add"] = {who: partial(b.add, one.clone()) for who, b in both.items()}
        found[f"{name}.extend(32 steps)"] = {
            who: partial(b.extend, many.clone()) for who, b in both.items()
        }
    if SumSegmentTreeFp32 is not None:
        both = buffers("TensorDictReplayBuffer", data, prioritized=True)
        for size in BATCHES:
            found[f"prioritized: sample({size}) and update_priority"] = {
                who: updating(buffer, size) for who, buffer in both.items()
            }
        found["prioritized: add"] = {who: partial(b.add, one.clone()) for who, b in both.items()}
        found["prioritized: extend(32 steps)"] = {
            who: partial(b.extend, many.clone()) for who, b in both.items()
        }
    return found
