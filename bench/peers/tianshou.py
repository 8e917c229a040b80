"""Tianshou: ``add``, ``sample`` and ``update_weight`` as its collector and ``OffPolicyAlgorithm`` call them around a
gradient step; stacks of frames as its Atari examples have them; ``save_hdf5`` and ``load_hdf5`` as in its tutorial.

https://tianshou.org/en/stable/01_tutorials/02_internals.html
https://tianshou.org/en/stable/02_deep_dives/L2_Buffer.html
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tianshou.data import Batch, PrioritizedReplayBuffer, ReplayBuffer, VectorReplayBuffer
from torch import from_numpy

from bench.checks import ALPHA, initial_errors
from bench.frames import DEPTH
from bench.peers.at_once import two_threads
from bench.workloads import V_MAX, V_MIN, Array, Loop, Rows, Values, chances, make_errors, make_walk

label = "Tianshou"
loses_final = ("stacks",)  # ignore_obs_next: it is looked up in the row that follows
lacks = ("n_step", "without_replacement", "sequences")


def version() -> str:
    return version_of("tianshou")


def make(buffer: str, rows: Rows) -> ReplayBuffer:
    if buffer == "prioritized":
        made = filled(PrioritizedReplayBuffer(len(rows), alpha=ALPHA, beta=0.4), rows)
        made.update_weight(np.arange(len(rows)), initial_errors(rows))
        return made
    if buffer == "stacks":
        options = {"ignore_obs_next": True, "save_only_last_obs": True, "stack_num": DEPTH}
        return filled(ReplayBuffer(len(rows), **options), rows)
    if buffer.startswith("envs_"):
        envs = int(buffer.removeprefix("envs_"))
        made = VectorReplayBuffer(len(rows), envs)
        actions = np.zeros((envs, *rows.action.shape[1:]), np.float32)
        add_many(made, make_walk((envs, *rows.obs.shape[1:])), actions)(len(rows) // envs)
        return made
    return filled(ReplayBuffer(len(rows)), rows)


def filled(buffer: ReplayBuffer, rows: Rows) -> ReplayBuffer:
    # one add() makes its arrays; a million would take minutes, so the rest is written into them
    first = Rows(*(column[:1][0] for column in vars(rows).values()))
    buffer.add(step(*vars(first).values()))
    begin = 0
    for obs, action, reward, next_obs, terminated, truncated in rows.parts(10_000):
        part = slice(begin, begin + len(reward))
        begin, meta = part.stop, buffer._meta
        meta.obs[part] = obs[:, -1] if obs.ndim == 4 else obs
        if "obs_next" in meta:
            meta.obs_next[part] = next_obs
        meta.act[part], meta.rew[part] = action, reward
        meta.terminated[part], meta.truncated[part] = terminated, truncated
        meta.done[part] = terminated | truncated
    buffer._size, buffer._insertion_idx = len(rows), 0
    buffer.last_index[:] = len(rows) - 1  # no stack goes beyond it
    return buffer


def step(
    obs: Any, action: Any, reward: Any, next_obs: Any, terminated: Any, truncated: Any
) -> Batch:
    flags = {"terminated": terminated, "truncated": truncated, "done": terminated | truncated}
    return Batch(obs=obs, act=action, rew=reward, obs_next=next_obs, info={}, **flags)


def add(buffer: ReplayBuffer, walk: list[tuple[Array, Array]], action: Any) -> Loop:
    return add_many(buffer, walk, action, 1.0, np.bool_(False))


stacks_add = add


def add_many(
    buffer: ReplayBuffer, walk: list[tuple[Array, Array]], actions: Any, reward: Any = None, flag: Any = None
) -> Loop:  # fmt: skip
    steps = cycle(walk)
    if reward is None:
        reward, flag = np.ones(len(actions), np.float32), np.zeros(len(actions), bool)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(step(obs, actions, reward, next_obs, flag, flag))

    return loop


def sample(buffer: ReplayBuffer, size: int) -> dict[str, Loop]:
    def arrays(calls: int) -> Batch:
        for _ in range(calls):
            batch, _ = buffer.sample(size)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for _ in range(calls):
            batch = as_tensors(buffer.sample(size)[0])
        return batch

    return {"arrays": arrays, "tensors": tensors}


threads = two_threads(sample)
stacks = sample


def as_tensors(drawn: Batch) -> dict[str, Any]:
    return {
        name: from_numpy(column) for name, column in drawn.items() if isinstance(column, np.ndarray)
    }


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
            batch = as_tensors(drawn)
            buffer.update_weight(indices, error)
        return batch

    return {"arrays": arrays, "tensors": tensors}


def save(buffer: ReplayBuffer, path: Path) -> Loop:
    def loop(calls: int) -> None:
        for _ in range(calls):
            buffer.save_hdf5(str(path))

    return loop


def load(buffer: ReplayBuffer, path: Path) -> Loop:
    buffer.save_hdf5(str(path))

    def loop(calls: int) -> int:
        for _ in range(calls):
            loaded = ReplayBuffer.load_hdf5(str(path))
        return len(loaded)

    return loop


def c51(values: Values) -> dict[str, Loop]:
    # C51._target_dist; `batch.returns` is of every atom
    reward, discount = (from_numpy(x)[:, None] for x in (values.reward, values.discount))
    next_dist = from_numpy(chances(values))
    support = torch.linspace(V_MIN, V_MAX, next_dist.shape[1])
    delta_z = (V_MAX - V_MIN) / (len(support) - 1)

    @torch.no_grad()
    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            target_support = (reward + discount * support).clamp(V_MIN, V_MAX)
            target_dist = (
                1 - (target_support.unsqueeze(1) - support.view(1, -1, 1)).abs() / delta_z
            ).clamp(0, 1) * next_dist.unsqueeze(1)
            out = target_dist.sum(-1)
        return out

    return {"tensors": tensors}


def columns(batch: Any) -> dict[str, Array]:
    renamed = {"action": "act", "reward": "rew", "next_obs": "obs_next"}
    names = ("obs", "action", "reward", "next_obs", "terminated", "truncated")
    return {name: np.asarray(batch[renamed.get(name, name)]) for name in names}
