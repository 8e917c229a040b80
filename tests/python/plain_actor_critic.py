"""Actors and critics as one writes them in torch, with the weights of an agent's; and its bandit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

FEATURES = spaces.Box(-1, 1, (3,), np.float32)
ODD = spaces.Box(np.array([-2, 0], np.float32), np.array([3, 1], np.float32))
SMALL: dict[str, Any] = {"hidden": (16, 8), "batch_size": 4}


def plain_actor(actor: Any) -> nn.Sequential:
    """One linear layer after another."""
    modules: list[nn.Module] = []
    for layer in actor.head.layers:
        modules += [linear(layer.weight, layer.bias), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def plain_critics(critics: Any) -> nn.ModuleList:
    """A module for each critic of an ensemble."""
    return nn.ModuleList(_critic(critics, k) for k in range(len(critics.layers[0].weight)))


def _critic(critics: Any, k: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for i, layer in enumerate(critics.layers):
        modules.append(linear(layer.weight[k].T, layer.bias[k, 0]))
        if i < len(critics.norms):
            norm = nn.LayerNorm(layer.weight.shape[2])
            norm.weight.data.copy_(critics.norms[i].weight[k, 0])
            norm.bias.data.copy_(critics.norms[i].bias[k, 0])
            modules.append(norm)
        modules.append(nn.ReLU())
    return nn.Sequential(*modules[:-1])


def linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(bias)
    return layer


def values(critics: nn.ModuleList, obs: torch.Tensor, action: torch.Tensor) -> list[torch.Tensor]:
    return [critic(torch.cat([obs, action], 1)).squeeze(1) for critic in critics]


def to_unit(action: torch.Tensor, space: spaces.Box = ODD) -> torch.Tensor:
    low, high = torch.tensor(space.low), torch.tensor(space.high)
    return 2 * (action - low) / (high - low) - 1


def polyak(target: nn.Module, online: nn.Module, tau: float) -> None:
    with torch.no_grad():
        for old, new in zip(target.parameters(), online.parameters(), strict=True):
            old.copy_((1 - tau) * old + tau * new)


def assert_same_weights(theirs: nn.Module, plain: nn.Module, of: Any) -> None:
    """The agent's weights, written as the plain module's, are its own within 1e-5."""
    for ours, expected in zip(of(theirs).parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def random_batch(
    size: int = 4, seed: int = 0, space: spaces.Box = ODD, weighted: bool = False
) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(space.low), torch.tensor(space.high)
    batch = SimpleNamespace(
        obs=torch.randn(size, 3, generator=generator),
        action=low + (high - low) * torch.rand(size, *space.shape, generator=generator),
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, 3, generator=generator),
        discount=0.9 * (torch.rand(size, generator=generator) > 0.2).float(),
    )
    if weighted:
        batch.weight = torch.rand(size, generator=generator)
    return batch


def constant(critics: Any, numbers: list[float]) -> None:
    """Make each critic of an ensemble say one number whatever it sees."""
    with torch.no_grad():
        for layer in critics.layers:
            layer.weight.zero_()
            layer.bias.zero_()
        critics.layers[-1].bias.copy_(torch.tensor(numbers).reshape(-1, 1, 1))


def linear_in_the_action(critics: Any, slopes: list[float]) -> None:
    """Make every critic, which has no hidden layers, the product of the action and the slopes."""
    with torch.no_grad():
        critics.layers[-1].weight.zero_()
        critics.layers[-1].bias.zero_()
        critics.layers[-1].weight[:, -len(slopes) :, 0] = torch.tensor(slopes)


def weights_of(module: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def after_the_bandit(agent: Any, best: float, updates: int = 300) -> float:
    """Learn where in [-2, 2] minus the squared distance to ``best`` is largest; say where."""
    rng = np.random.default_rng(0)
    obs = np.zeros(3, np.float32)
    for _ in range(updates):
        action = rng.uniform(-2, 2, (64, 1)).astype(np.float32)
        batch = SimpleNamespace(
            obs=torch.zeros(64, 3),
            action=torch.from_numpy(action),
            reward=-torch.from_numpy((action[:, 0] - best) ** 2),
            next_obs=torch.zeros(64, 3),
            discount=torch.zeros(64),
        )
        agent.update(batch)
    return float(agent.act(obs)[0])
