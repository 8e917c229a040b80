"""cpprb: C++ and Cython. Constructors, ``add``, ``sample`` and ``update_priorities`` as in its README,
"Example Code", and on the pages "PER", "Nstep" and "Save/Load transitions" of its documentation.

https://ymd_h.gitlab.io/cpprb/
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cpprb
import numpy as np
from torch import from_numpy

from bench.checks import ALPHA, initial_errors
from bench.workloads import GAMMA, N_STEP, Array, Loop, Rows, make_errors

label = "cpprb"
loses_final = ("n_step",)  # a window that an episode's end cuts short has no valid next_obs


def version() -> str:
    return version_of("cpprb")


def make(buffer: str, rows: Rows) -> cpprb.ReplayBuffer:
    # one done, as in the README; the flags are kept apart in the other buffers
    fields = {
        "obs": {"shape": rows.obs.shape[1]},
        "act": {"shape": rows.action.shape[1]},
        "rew": {},
        "next_obs": {"shape": rows.obs.shape[1]},
        "done": {},
    }
    if buffer == "prioritized":
        made = cpprb.PrioritizedReplayBuffer(len(rows), fields, alpha=ALPHA)
        add_all(made, rows)
        made.update_priorities(np.arange(len(rows)), initial_errors(rows))
        return made
    if buffer == "n_step":
        windows = {"size": N_STEP, "gamma": GAMMA, "rew": "rew", "next": "next_obs"}
        made = cpprb.ReplayBuffer(len(rows), fields, Nstep=windows)
        add_episodes(made, rows)
        return made
    made = cpprb.ReplayBuffer(len(rows), fields)
    add_all(made, rows)
    return made


def add_many(buffer: cpprb.ReplayBuffer, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    # many at a time, as its README has it: "each field with a leading axis"
    steps, envs = cycle(walk), len(actions)
    reward, done = np.ones(envs, np.float32), np.zeros(envs, np.float32)

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            buffer.add(obs=obs, act=actions, rew=reward, next_obs=next_obs, done=done)

    return loop


def add_all(buffer: cpprb.ReplayBuffer, rows: Rows) -> None:
    buffer.add(
        obs=rows.obs, act=rows.action, rew=rows.reward, next_obs=rows.next_obs, done=rows.terminated
    )


def add_episodes(buffer: cpprb.ReplayBuffer, rows: Rows) -> None:
    # windows are formed as rows are added, in the caller's own arrays, hence the copies; they end
    # where the buffer is told that the episode does
    ends = np.flatnonzero(rows.terminated | rows.truncated) + 1
    for begin, end in zip([0, *ends], [*ends, len(rows)], strict=True):
        if begin < end:
            add_all(buffer, Rows(*(column[begin:end].copy() for column in vars(rows).values())))
            buffer.on_episode_end()


def add(buffer: cpprb.ReplayBuffer, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    steps = cycle(walk)

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


n_step = sample


def save(buffer: cpprb.ReplayBuffer, path: Path) -> Loop:
    def loop(calls: int) -> None:
        for _ in range(calls):
            buffer.save_transitions(str(path))

    return loop


def load(buffer: cpprb.ReplayBuffer, path: Path) -> Loop:
    save(buffer, path)(1)
    fields = {name: {"shape": column.shape[1:]} for name, column in buffer.sample(1).items()}

    def loop(calls: int) -> int:
        for _ in range(calls):
            loaded = cpprb.ReplayBuffer(buffer.get_buffer_size(), {**fields})
            loaded.load_transitions(f"{path}.npz")
        return int(loaded.get_stored_size())

    return loop


def prioritized(buffer: cpprb.PrioritizedReplayBuffer, size: int) -> dict[str, Loop]:
    # it wants |TD|; taken beforehand, in its favour
    errors = cycle([np.abs(error) for error in make_errors(size)])

    def arrays(calls: int) -> dict[str, Array]:
        for error in islice(errors, calls):
            batch = buffer.sample(size, beta=0.4)
            buffer.update_priorities(batch["indexes"], error)
        return batch

    def tensors(calls: int) -> dict[str, Any]:
        for error in islice(errors, calls):
            drawn = buffer.sample(size, beta=0.4)
            batch = {name: from_numpy(column) for name, column in drawn.items()}
            buffer.update_priorities(drawn["indexes"], error)
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
