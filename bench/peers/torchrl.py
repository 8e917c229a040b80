"""TorchRL: ``ReplayBuffer`` over a ``LazyTensorStorage``, ``add``, ``extend`` and ``sample`` as in its tutorial, TensorDicts
as its collectors give them; sequences by ``SliceSampler`` with ``end_key`` and cached ends, as its page recommends.

https://docs.pytorch.org/rl/stable/tutorials/rb_tutorial.html
https://docs.pytorch.org/rl/stable/reference/data_replaybuffers.html

Its prioritized samplers need its C++ trees, which load beside the torch alone that they were built for.
"""

from __future__ import annotations

import shutil
from importlib.metadata import version as version_of
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torchrl.data import (
    LazyTensorStorage,
    ReplayBuffer,
    SliceSampler,
    TensorDictPrioritizedReplayBuffer,
)
from torchrl.data.replay_buffers.samplers import SamplerWithoutReplacement
from torchrl.data.replay_buffers.samplers.prioritized import SumSegmentTreeFp32

from bench.checks import ALPHA, initial_errors
from bench.peers.at_once import two_threads
from bench.workloads import Array, Loop, Rows, make_errors

label = "TorchRL"
lacks = ("stacks", "stacks_add", "n_step")
if SumSegmentTreeFp32 is None:
    lacks += ("prioritized", "tree")


def version() -> str:
    return version_of("torchrl")


def make(buffer: str, rows: Rows) -> Any:
    storage = LazyTensorStorage(len(rows))
    if buffer == "prioritized":
        if SumSegmentTreeFp32 is None:
            return None
        made = TensorDictPrioritizedReplayBuffer(alpha=ALPHA, beta=0.4, storage=storage)
        made.extend(steps_of(rows))
        made.update_priority(torch.arange(len(rows)), torch.from_numpy(initial_errors(rows)))
        return made
    if buffer == "without_replacement":
        made = ReplayBuffer(storage=storage, sampler=SamplerWithoutReplacement())
    elif buffer == "frames":
        sampler = SliceSampler(slice_len=80, end_key=("next", "done"), cache_values=True)
        made = ReplayBuffer(storage=storage, sampler=sampler)
    else:
        made = ReplayBuffer(storage=storage)
    for part in rows.parts(10_000):
        made.extend(steps_of(Rows(*part)))
    return made


def steps_of(rows: Rows) -> TensorDict:
    """What a collector gives: the root has what a step began with, ``next`` what came of it."""
    obs, action, reward, next_obs, terminated, truncated = map(
        torch.from_numpy, (np.ascontiguousarray(column[:]) for column in vars(rows).values())
    )
    size = [len(rows)]
    following = {
        "observation": next_obs,
        "reward": reward[:, None],
        "terminated": terminated[:, None],
        "truncated": truncated[:, None],
        "done": (terminated | truncated)[:, None],
    }
    begun = {"observation": obs, "action": action, "done": torch.zeros(*size, 1, dtype=torch.bool)}
    return TensorDict({**begun, "next": TensorDict(following, size)}, size)


def steps(walk: list[tuple[Array, Array]], action: Array, envs: int) -> list[TensorDict]:
    """A walk as TensorDicts, made beforehand, in its favour."""
    flag, wide = np.zeros(envs, bool), (envs, *action.shape[-1:])
    return [
        steps_of(Rows(
            obs.reshape(envs, -1), action.reshape(wide), np.ones(envs, np.float32),
            next_obs.reshape(envs, -1), flag, flag,
        ))
        for obs, next_obs in walk
    ]  # fmt: skip


def add(buffer: ReplayBuffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    given = cycle([step[0] for step in steps(walk, action, 1)])

    def loop(calls: int) -> None:
        for step in islice(given, calls):
            buffer.add(step)

    return loop


def add_many(buffer: ReplayBuffer, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    given = cycle(steps(walk, actions, len(actions)))

    def loop(calls: int) -> None:
        for step in islice(given, calls):
            buffer.extend(step)

    return loop


def sample(buffer: ReplayBuffer, size: int) -> dict[str, Loop]:
    def tensors(calls: int) -> TensorDict:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    return {"tensors": tensors}


without_replacement = sample
threads = two_threads(sample)


def sequences(buffer: ReplayBuffer, size: str) -> dict[str, Loop]:
    count, length = map(int, size.split("x"))
    return sample(buffer, count * length)


def prioritized(buffer: TensorDictPrioritizedReplayBuffer, size: int) -> dict[str, Loop]:
    errors = cycle([torch.from_numpy(error).abs() for error in make_errors(size)])

    def tensors(calls: int) -> TensorDict:
        for error in islice(errors, calls):
            batch = buffer.sample(size)
            batch["td_error"] = error
            buffer.update_tensordict_priority(batch)
        return batch

    return {"tensors": tensors}


def save(buffer: ReplayBuffer, path: Path) -> Loop:
    def loop(calls: int) -> None:
        for _ in range(calls):
            buffer.dumps(path)

    return loop


def load(buffer: ReplayBuffer, path: Path) -> Loop:
    shutil.rmtree(path, ignore_errors=True)
    buffer.dumps(path)

    def loop(calls: int) -> int:
        for _ in range(calls):
            loaded = ReplayBuffer(storage=LazyTensorStorage(len(buffer)))
            loaded.loads(path)
        return len(loaded)

    return loop


def columns(batch: TensorDict) -> dict[str, Array]:
    after = batch["next"]
    named = {"obs": batch["observation"], "action": batch["action"], "reward": after["reward"]}
    named |= {"next_obs": after["observation"], "terminated": after["terminated"]}
    return {name: np.asarray(column) for name, column in named.items()}
