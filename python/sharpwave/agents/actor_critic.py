"""What DDPG, TD3 and SAC share: settings and networks."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor, nn

from sharpwave.agents import checks
from sharpwave.agents.agent import Agent, Counter, Space, compiled, generators, seeded
from sharpwave.agents.config import BACKENDS, Check, OffPolicyConfig, optional, positive
from sharpwave.agents.encoders import FloatArray, encoder, tensor_of
from sharpwave.agents.flat import FlatParameters, adam
from sharpwave.agents.networks import Perceptron
from sharpwave.agents.numpy_twin import twin
from sharpwave.agents.scale import Scale


@dataclass(frozen=True)
class ActorCriticConfig(OffPolicyConfig):
    """Settings of agents with an actor and critics."""

    hidden: tuple[int, ...] = (256, 256)
    """width of each hidden layer, in the actor and in every critic"""
    learning_rate: float = 3e-4
    """step size of Adam for the critics"""
    actor_learning_rate: float | None = None
    """step size of Adam for the actor; None takes that of the critics"""
    batch_size: int = 256
    """transitions in a gradient step"""
    buffer_size: int = 1_000_000
    """transitions the buffer holds"""
    tau: float = 0.005
    """how far a gradient step moves the target networks to the online ones"""
    layer_norm: bool = False
    """normalise the critics' hidden layers (Ball et al. 2023)"""
    backend: str = "auto"
    """of the gradient step: torch, native for plain networks on the CPU, auto: the faster one"""

    checks: ClassVar[Mapping[str, Check]] = {
        **OffPolicyConfig.checks,
        "hidden": checks.sizes,
        "learning_rate": positive,
        "actor_learning_rate": optional(positive),
        "tau": partial(checks.number, above=0, at_most=1),
        "layer_norm": checks.flag,
        "backend": partial(checks.choice, choices=BACKENDS),
    }


class Actor(nn.Module):
    """An encoder and a perceptron: ``outputs`` numbers for each observation."""

    def __init__(
        self, observation_space: spaces.Space[Any], hidden: Sequence[int], outputs: int
    ) -> None:
        super().__init__()
        self.encoder = encoder(observation_space)
        self.head = Perceptron([self.encoder.size, *hidden, outputs])

    def forward(self, obs: Tensor) -> Tensor:
        return self.head(self.encoder(obs))  # type: ignore[no-any-return]


class Critics(nn.Module):
    """``number`` critics of one shape, evaluated together: values (number, B)."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_size: int,
        hidden: Sequence[int],
        number: int,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder(observation_space)
        widths = [self.encoder.size + action_size, *hidden, 1]
        self.layers = nn.ModuleList(_Ensemble(number, *pair) for pair in pairwise(widths))
        self.norms = nn.ModuleList(
            _EnsembleNorm(number, width) for width in (hidden if layer_norm else ())
        )

    def forward(self, obs: Tensor, action: Tensor, members: slice = slice(None)) -> Tensor:
        """Return the values of some members, all of them by default."""
        x = torch.cat([self.encoder(obs), action], 1)
        *hidden, last = self.layers
        for i, layer in enumerate(hidden):
            x = layer(x, members)
            if self.norms:
                x = self.norms[i](x, members)
            x = x.relu_()
        return last(x, members).squeeze(-1)  # type: ignore[no-any-return]


class _Ensemble(nn.Module):
    """`torch.nn.Linear`, several times over in one batched product."""

    def __init__(self, number: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(number, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(number, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor, members: slice) -> Tensor:
        weight, bias = _of(members, self.weight), _of(members, self.bias)
        # Not baddbmm, which first writes the bias into all of the result.
        return torch.bmm(x.expand(len(weight), *x.shape[-2:]), weight).add_(bias)


class _EnsembleNorm(nn.Module):
    def __init__(self, number: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(number, 1, width))
        self.bias = nn.Parameter(torch.zeros(number, 1, width))

    def forward(self, x: Tensor, members: slice) -> Tensor:
        x = nn.functional.layer_norm(x, x.shape[-1:])
        return x * _of(members, self.weight) + _of(members, self.bias)


def _of(members: slice | Tensor, values: Tensor) -> Tensor:
    # To take all by a slice is no copy, but its gradient is one.
    return values if isinstance(members, slice) and members == slice(None) else values[members]


class Acting:
    """Runs an actor on observations as environments give them: one, or a batch of them.

    On the CPU a single observation goes through NumPy, over the parameters' own memory.
    """

    def __init__(self, actor: Actor, space: spaces.Space[Any], device: str) -> None:
        self._actor, self._device = actor, device
        self._ndim = len(space.shape or ())
        self._encode = getattr(actor.encoder, "numpy", None) if device == "cpu" else None
        self._head = twin(actor.head) if self._encode else None

    def __call__(self, obs: Any) -> FloatArray:
        """Return the actor's outputs, with a leading axis if the observations have one."""
        obs = np.asarray(obs)
        if obs.ndim > self._ndim:
            return self._torch(obs)
        if self._head is not None and self._encode is not None:
            return self._head(self._encode(obs), False)
        output: FloatArray = self._torch(obs[np.newaxis])[0]
        return output

    def lead(self, obs: Any) -> tuple[int, ...]:
        """Return the leading axes of observations: none, or their number."""
        shape: tuple[int, ...] = np.shape(obs)
        return shape[: len(shape) - self._ndim]

    @torch.inference_mode()
    def _torch(self, obs: npt.NDArray[Any]) -> FloatArray:
        output = self._actor(tensor_of(obs, self._device))
        return output.cpu().numpy()  # type: ignore[no-any-return]


class ActorCritic(Agent):
    """What DDPG, TD3 and SAC are made of: an actor, critics and their targets, and what steps them.

    A subclass has ``critics_loss`` and ``actor_loss``, which are compiled if that is wanted.

    Parameters
    ----------
    observation_space, action_space, config
        As for the agents.
    outputs
        Numbers that the actor gives for each dimension of an action.
    seed
        Of the initial weights, of exploration and of noise.
    """

    critics_loss: Callable[..., Any]
    actor_loss: Callable[..., Any]

    def __init__(
        self, observation_space: Space, action_space: Space, config: Any, outputs: int, seed: int
    ) -> None:
        super().__init__(observation_space, action_space, config)
        self.scale = Scale(action_space, config.device, type(self).__name__)
        size, hidden = self.scale.size, config.hidden
        init_seed, explore_seed, noise_seed = np.random.SeedSequence(seed).spawn(3)
        with seeded(init_seed):
            self.actor = Actor(observation_space, hidden, outputs * size).to(config.device)
            self.critics = Critics(
                observation_space, size, hidden, config.critics, config.layer_norm
            ).to(config.device)
        self.critics_target = copy.deepcopy(self.critics).requires_grad_(False)
        self.rng, self.generator = generators(explore_seed, noise_seed, config.device)
        self._actor, self._critics, self._critics_target = map(
            FlatParameters, (self.actor, self.critics, self.critics_target)
        )
        self._actor_rate = config.actor_learning_rate or config.learning_rate
        self.critics_optimizer = adam(self._critics, config.learning_rate)
        self.actor_optimizer = adam(self._actor, self._actor_rate)
        self.updates = Counter()
        self._acting = Acting(self.actor, observation_space, config.device)
        self._critics_loss = compiled(self.critics_loss, config.compile)
        self._actor_loss = compiled(self.actor_loss, config.compile)

    @property
    def policy(self) -> nn.Module:
        """The actor."""
        return self.actor

    def noise(self, like: Tensor) -> Tensor:
        """Draw standard normal numbers from the agent's generator."""
        return torch.empty_like(like).normal_(generator=self.generator)


def squared(prediction: Tensor, target: Tensor, batch: Any) -> tuple[Tensor, Tensor]:
    """Return the critics' loss, summed over them, and the mean size of each TD error, (B,)."""
    error = prediction - target
    weight = getattr(batch, "weight", None)
    squares = error.square() if weight is None else weight * error.square()
    return squares.mean(1).sum(), error.detach().abs().mean(0)
