"""Stable-Baselines3: its classes as its agents call them, one environment, tensors out."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common import buffers as theirs

import sharpwave.compat.sb3 as ours
from bench.adapters.data import ACTION, BATCHES, OBS, ROWS, steps

SPACES = spaces.Box(-9, 9, (OBS,)), spaces.Box(-1, 1, (ACTION,))


def operations() -> dict[str, dict[str, Callable[[], object]]]:
    torch.set_num_threads(1)
    found: dict[str, dict[str, Callable[[], object]]] = {}
    for name in ("ReplayBuffer", "NStepReplayBuffer"):
        buffers = {
            "sharpwave": filled(getattr(ours, name)(ROWS, *SPACES, device="cpu")),
            "peer": filled(getattr(theirs, name)(ROWS, *SPACES, device="cpu")),
        }
        for size in BATCHES:
            found[f"{name}.sample({size})"] = {
                who: lambda b=buffer, n=size: b.sample(n) for who, buffer in buffers.items()
            }
        found[f"{name}.add"] = {who: adding(buffer) for who, buffer in buffers.items()}
    return found


def calls():
    """Steps as ``collect_rollouts`` hands them over."""
    data = steps(10_000)
    for i in itertools.cycle(range(len(data.reward))):
        at = slice(i, i + 1)
        yield (
            *(data.obs[at], data.obs[i + 1 : i + 2], data.action[at], data.reward[at]),
            *(data.terminated[at], [{}]),
        )


def adding(buffer) -> Callable[[], object]:
    given = list(itertools.islice(calls(), 10_000))
    following = itertools.cycle(given).__next__
    add = buffer.add
    return lambda: add(*following())


def filled(buffer):
    """Every row written; by the arrays that both have, as a million calls would take seconds."""
    data = steps()
    buffer.observations[:, 0], buffer.next_observations[:, 0] = data.obs[:-1], data.obs[1:]
    buffer.actions[:, 0], buffer.rewards[:, 0] = data.action, data.reward
    buffer.dones[:, 0] = data.terminated
    buffer.timeouts[:, 0] = np.roll(data.terminated, 1)
    buffer.full = True
    return buffer
