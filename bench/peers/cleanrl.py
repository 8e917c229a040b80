"""CleanRL: the buffer that its scripts import, and the lines of its ``c51.py``. ``CLEANRL_CHECKOUT``, or
``--cleanrl``, names a checkout: it is no package.

https://docs.cleanrl.dev/rl-algorithms/dqn/ and https://docs.cleanrl.dev/rl-algorithms/c51/
"""

from __future__ import annotations

import importlib.util
import os
import sys
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from bench.workloads import V_MAX, V_MIN, Array, Loop, Rows, Values, chances

label = "CleanRL"
loses_final = ("stacks",)  # optimize_memory_usage: the next episode's first is in its place


def buffers() -> ModuleType:
    if "CLEANRL_CHECKOUT" not in os.environ:
        raise ImportError("no checkout named by --cleanrl or CLEANRL_CHECKOUT")
    path = Path(os.environ["CLEANRL_CHECKOUT"]) / "cleanrl_utils" / "buffers.py"
    spec = importlib.util.spec_from_file_location("cleanrl_utils_buffers", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ReplayBuffer = buffers().ReplayBuffer


def version() -> str:
    text = (Path(os.environ["CLEANRL_CHECKOUT"]) / "pyproject.toml").read_text()
    return text.partition('version = "')[2].partition('"')[0]


def make(buffer: str, rows: Rows) -> Any:
    envs = int(buffer.removeprefix("envs_")) if buffer.startswith("envs_") else 1
    is_stacks = buffer == "stacks"
    obs = (
        spaces.Box(0, 255, rows.obs.shape[1:], np.uint8)
        if is_stacks
        else spaces.Box(-np.inf, np.inf, rows.obs.shape[1:], np.float32)
    )
    action = spaces.Discrete(18) if is_stacks else spaces.Box(-1, 1, rows.action.shape[1:])
    made = ReplayBuffer(
        *(len(rows), obs, action, "cpu"),
        n_envs=envs,
        optimize_memory_usage=is_stacks,
        handle_timeout_termination=False,
    )
    write(made, rows)
    return made


def write(buffer: Any, rows: Rows) -> None:
    # a million calls of add() would take ten seconds; this writes the same arrays
    begin, envs = 0, buffer.n_envs
    for columns in rows.parts(10_000 * envs):
        steps = len(columns[2]) // envs
        obs, action, reward, next_obs, terminated, _ = (
            column[: steps * envs].reshape(steps, envs, *column.shape[1:]) for column in columns
        )
        part = slice(begin, begin + steps)
        begin = part.stop
        buffer.observations[part] = obs
        if not buffer.optimize_memory_usage:
            buffer.next_observations[part] = next_obs
        buffer.actions[part] = action.reshape(steps, envs, -1)
        buffer.rewards[part], buffer.dones[part] = reward, terminated
    if buffer.optimize_memory_usage:
        buffer.observations[0] = rows.next_obs[-1:]  # where the next row goes, which is never drawn
    buffer.full = True


def add(buffer: Any, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    # the scripts have a vector environment of one
    first = [(obs[np.newaxis], next_obs[np.newaxis]) for obs, next_obs in walk]
    return add_many(buffer, first, action[np.newaxis])


def add_many(buffer: Any, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    steps, envs = cycle(walk), len(actions)
    rewards, terminations = np.ones(envs), np.zeros(envs, bool)
    infos: dict[str, Any] = {}

    def loop(calls: int) -> None:
        for obs, real_next_obs in islice(steps, calls):
            buffer.add(obs, real_next_obs, actions, rewards, terminations, infos)

    return loop


stacks_add = add


def sample(buffer: Any, size: int) -> dict[str, Loop]:
    def tensors(calls: int) -> Any:
        for _ in range(calls):
            batch = buffer.sample(size)
        return batch

    return {"tensors": tensors}


stacks = sample


def columns(batch: Any) -> dict[str, Array]:
    # dones are written as `terminated` above; with frames everything else is compared
    found = {"obs": 0, "action": 1, "next_obs": 2, "reward": 4}
    return {name: batch[position].numpy() for name, position in found.items()}


def c51(values: Values) -> dict[str, Loop]:
    reward, discount = (torch.from_numpy(x)[:, None] for x in (values.reward, values.discount))
    next_pmfs = torch.from_numpy(chances(values))
    n_atoms = next_pmfs.shape[1]
    atoms = torch.linspace(V_MIN, V_MAX, n_atoms)

    @torch.no_grad()
    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            next_atoms = reward + discount * atoms
            delta_z = atoms[1] - atoms[0]
            tz = next_atoms.clamp(V_MIN, V_MAX)
            b = (tz - V_MIN) / delta_z
            low = b.floor().clamp(0, n_atoms - 1)
            u = b.ceil().clamp(0, n_atoms - 1)
            d_m_l = (u + (low == u).float() - b) * next_pmfs
            d_m_u = (b - low) * next_pmfs
            target_pmfs = torch.zeros_like(next_pmfs)
            for i in range(target_pmfs.size(0)):
                target_pmfs[i].index_add_(0, low[i].long(), d_m_l[i])
                target_pmfs[i].index_add_(0, u[i].long(), d_m_u[i])
        return target_pmfs

    return {"tensors": tensors}
