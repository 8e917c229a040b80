"""The plainest DQN on CartPole, for the buffers of libraries that come without a script of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch.nn import functional as F

Add = Callable[[Any, Any, Any, Any, Any], object]  # obs, action, reward, next_obs, terminated
Sample = Callable[[], tuple[Any, ...]]  # tensors of the same, each with a first axis of the batch


def train(add: Add, sample: Sample, seed: int, steps: int, warmup: int = 500) -> None:
    """Add every step and, after the warm-up, update at every step."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    q_network, target_network = network(), network()
    target_network.load_state_dict(q_network.state_dict())
    optimizer = torch.optim.Adam(q_network.parameters(), 1e-3)
    env = gym.make("CartPole-v1")
    obs, _ = env.reset(seed=seed)
    for step in range(steps):
        if rng.random() < max(0.05, 1 - 2 * step / steps):
            action = int(rng.integers(2))
        else:
            with torch.inference_mode():
                action = int(q_network(torch.from_numpy(obs)).argmax())
        next_obs, reward, terminated, truncated, _ = env.step(action)
        add(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step >= warmup:
            update(q_network, target_network, optimizer, *sample())
        if step % 250 == 0:
            target_network.load_state_dict(q_network.state_dict())


def network() -> torch.nn.Module:
    layers = torch.nn.Linear(4, 120), torch.nn.Linear(120, 84), torch.nn.Linear(84, 2)
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])


def update(
    q_network: torch.nn.Module, target_network: torch.nn.Module, optimizer: torch.optim.Optimizer,
    obs: Any, action: Any, reward: Any, next_obs: Any, terminated: Any,
) -> None:  # fmt: skip
    with torch.no_grad():
        next_q = target_network(next_obs).amax(dim=1)
        target = reward.reshape(-1) + 0.99 * (1 - terminated.reshape(-1).float()) * next_q
    q = q_network(obs).gather(1, action.reshape(-1, 1).long())[:, 0]
    optimizer.zero_grad()
    F.smooth_l1_loss(q, target).backward()
    optimizer.step()
