"""CleanRL: its buffers as its scripts call them. CLEANRL_CHECKOUT names a checkout of it."""

from __future__ import annotations

import collections
import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

import sharpwave.compat.cleanrl as ours
from bench.adapters.data import ACTION, BATCHES, OBS, ROWS, steps

SPACES = spaces.Box(-9, 9, (OBS,)), spaces.Box(-1, 1, (ACTION,))
FRAMES = (4, 84, 84)
FRAME_ROWS = 10_000  # CleanRL stores 56 KB a row


def checkout() -> Path:
    if "CLEANRL_CHECKOUT" not in os.environ:
        raise ImportError("set CLEANRL_CHECKOUT to a checkout of CleanRL")
    return Path(os.environ["CLEANRL_CHECKOUT"])


def their_buffers() -> ModuleType:
    path = checkout() / "cleanrl_utils" / "buffers.py"
    spec = importlib.util.spec_from_file_location("cleanrl_utils_buffers", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def their_prioritized() -> Any:
    """The class out of the Rainbow script, which is not made to be imported."""
    text = (checkout() / "cleanrl" / "rainbow_atari.py").read_text()
    classes = text[text.index("PrioritizedBatch =") : text.index("if __name__")]
    names = {"collections": collections, "deque": collections.deque, "np": np, "torch": torch}
    exec(classes, names)
    return names["PrioritizedReplayBuffer"]


def operations() -> dict[str, dict[str, Callable[[], object]]]:
    torch.set_num_threads(1)
    found: dict[str, dict[str, Callable[[], object]]] = {}
    classes = {"sharpwave": ours.ReplayBuffer, "peer": their_buffers().ReplayBuffer}
    uniform = {
        who: filled(cls(ROWS, *SPACES, "cpu", handle_timeout_termination=False))
        for who, cls in classes.items()
    }
    for size in BATCHES:
        found[f"ReplayBuffer.sample({size})"] = {
            who: lambda b=buffer, n=size: b.sample(n) for who, buffer in uniform.items()
        }
    found["ReplayBuffer.add"] = {who: adding(buffer, given) for who, buffer in uniform.items()}
    classes = {"sharpwave": ours.PrioritizedReplayBuffer, "peer": their_prioritized()}
    rainbow = {
        who: filled_frames(cls(FRAME_ROWS, FRAMES, "cpu", 3, 0.99)) for who, cls in classes.items()
    }
    name = "PrioritizedReplayBuffer.sample(32) of frames and update_priorities"
    found[name] = {who: updating(buffer) for who, buffer in rainbow.items()}
    found["PrioritizedReplayBuffer.add of frames"] = {
        who: adding(buffer, given_frames) for who, buffer in rainbow.items()
    }
    return found


def adding(buffer: Any, calls: Callable[[], Iterator[tuple[Any, ...]]]) -> Callable[[], object]:
    following = itertools.cycle(list(calls())).__next__
    add = buffer.add
    return lambda: add(*following())


def given() -> Iterator[tuple[Any, ...]]:
    """Steps of a vector environment of one, as the scripts hand them over."""
    data = steps(1000)
    for i in range(len(data.reward)):
        at = slice(i, i + 1)
        yield (
            *(data.obs[at], data.obs[i + 1 : i + 2], data.action[at]),
            *(data.reward[at].astype("float64"), data.terminated[at], {}),
        )


def given_frames() -> Iterator[tuple[Any, ...]]:
    """Numbers, as CleanRL's buffer takes arrays of one only with NumPy before 2.4."""
    frames = np.random.default_rng(0).integers(0, 256, (101, 1, *FRAMES), "uint8")
    for i in range(100):
        yield frames[i], i % 6, float(i % 3), frames[i + 1], False


def filled(buffer: Any) -> Any:
    """Every row written; by the arrays, as a million calls would take seconds."""
    data = steps()
    buffer.observations[:, 0], buffer.next_observations[:, 0] = data.obs[:-1], data.obs[1:]
    buffer.actions[:, 0], buffer.rewards[:, 0] = data.action, data.reward
    buffer.dones[:, 0], buffer.timeouts[:, 0] = data.terminated, 0.0
    buffer.full = True
    return buffer


def filled_frames(buffer: Any) -> Any:
    for step in itertools.islice(itertools.cycle(given_frames()), FRAME_ROWS + 2):
        buffer.add(*step)
    return buffer


def updating(buffer: Any) -> Callable[[], object]:
    error = np.random.default_rng(0).random(32, "f4")

    def call() -> object:
        batch = buffer.sample(32)
        buffer.update_priorities(batch.indices, error)
        return batch

    return call
