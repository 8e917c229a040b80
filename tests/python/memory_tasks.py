"""Environments and runs for agents with a memory, and their targets in plain Python."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

import sharpwave as sw
from sharpwave.agents.r2d2 import R2D2
from sharpwave.agents.r2d2_config import R2D2Config
from sharpwave.training.collect import collector
from sharpwave.training.learner import Learner

SMALL = R2D2Config(
    hidden=(8,), memory=6, batch_size=12, length=5, burn_in=3, period=2, learning_starts=100
)
FEATURES = spaces.Box(-1, 1, (3,), np.float32)
SPACES = {
    "features": FEATURES,
    "discrete": spaces.Discrete(4, start=7),
    "image": spaces.Box(0, 255, (5, 5, 2), np.uint8),
    "masked": spaces.Dict(observation=FEATURES, action_mask=spaces.MultiBinary(3)),
}


class Walk(gymnasium.Env):
    """Random observations and rewards; episodes of 2 to 13 steps, half of them truncated."""

    def __init__(self, observation_space: Any = FEATURES, first_action: int = 0) -> None:
        self.observation_space = observation_space
        self.action_space = spaces.Discrete(3, start=first_action)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(2, 14))
        self.truncates = bool(self.np_random.integers(2))
        return self.see(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.left -= 1
        ended, reward = self.left == 0, 3 * self.np_random.normal()
        return self.see(), reward, ended and not self.truncates, ended and self.truncates, {}

    def see(self) -> Any:
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        return self.observation_space.sample()


class Recall(gymnasium.Env):
    """Shows 0 or 1 and then nothing more; the last of 6 actions pays 1 if it is what was shown."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = spaces.Discrete(3), spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.shown = 0, int(self.np_random.integers(2))
        return self.shown, {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        ended = self.t == 6
        return 2, float(ended and action == self.shown), ended, False, {}


def single_spaces(env) -> list[Any]:
    names = ("observation_space", "action_space")
    return [getattr(env, f"single_{name}", None) or getattr(env, name) for name in names]


def agent_of(env: Any = None, seed: int = 0, **settings) -> R2D2:
    config = dataclasses.replace(SMALL, **settings)
    return R2D2(*single_spaces(Walk() if env is None else env), config, seed=seed)


class Run:
    """An agent that learns in an environment, without all that a trainer does around it."""

    def __init__(self, env: Any, steps: int = 1000, buffer: Any = None, **settings) -> None:
        self.agent = agent_of(env, **settings)
        self.buffer = buffer or sw.ReplayBuffer.for_env(
            env, self.agent.config.buffer_size, seed=0, **self.agent.buffer_options()
        )
        self.collector = collector(env, self.agent, self.buffer, seed=0, steps=steps)
        self.learner = Learner(self.agent, self.buffer, steps)

    def collect(self, steps: int) -> Run:
        for step in range(steps):
            self.collector.step(step)
        return self

    def go(self, first: int, last: int) -> Run:
        step = first
        while step < last:
            step += self.collector.step(step)
            self.learner.step(step)
        return self


def collected(env: Any = None, steps: int = 200, **settings) -> tuple[R2D2, Any]:
    """An agent whose networks differ, and a batch of what it did."""
    run = Run(Walk() if env is None else env, **settings).collect(steps)
    noise = torch.Generator().manual_seed(1)
    for parameter in run.agent.target.parameters():
        parameter += 0.1 * torch.randn(parameter.shape, generator=noise)
    return run.agent, run.agent.sample(run.buffer)


RECALL: dict[str, Any] = {
    "hidden": (16,),
    "memory": 16,
    "batch_size": 16,
    "length": 4,
    "burn_in": 2,
    "period": 3,
    "learning_rate": 5e-3,
    "target_update_interval": 100,
    "exploration_fraction": 0.5,
    "epsilon_end": 0.02,
    "buffer_size": 2000,
}


def parameters(network: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def plain_rescaled(x: float) -> float:
    return math.copysign(math.sqrt(abs(x) + 1) - 1, x) + 1e-3 * x


def plain_unrescaled(x: float) -> float:
    root = math.sqrt(1 + 4e-3 * (abs(x) + 1 + 1e-3))
    return math.copysign(((root - 1) / 2e-3) ** 2 - 1, x)


def plain_targets(batch, next_q, chooser, config) -> np.ndarray:
    """y of each row, in Python floats: walk ahead to the window's end, and bootstrap there."""
    size, steps = batch.reward.shape
    y = np.zeros((size, steps))
    for b in range(size):
        for t in range(int(batch.mask[b].sum())):
            total, discount = 0.0, 1.0
            for last in range(t, t + config.n_step):
                total += discount * float(batch.reward[b, last])
                discount *= float(batch.discount[b, last])
                if last + 1 == steps or not batch.mask[b, last + 1]:
                    break
            action = int((chooser if config.double else next_q)[b, last + 1].argmax())
            value = float(next_q[b, last + 1, action])
            total += discount * (plain_unrescaled(value) if config.rescale else value)
            y[b, t] = plain_rescaled(total) if config.rescale else total
    return y
