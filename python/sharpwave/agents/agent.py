"""What all agents have in common: how they are asked, fed, saved and copied."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from sharpwave.agents.config import OffPolicyConfig

Space = spaces.Space[Any]


class Update(NamedTuple):
    """What a gradient step reports; none of it carries a gradient.

    To read a tensor as a number takes time; the caller decides when.
    """

    loss: Tensor
    """of the values, before the step: a scalar"""
    td_error: Tensor
    """by how much each transition of the batch surprised: what priorities are made of, (B,)"""
    logs: Mapping[str, Tensor] = {}
    """whatever else is worth a curve: scalars"""


class Agent(ABC):
    """Acts, learns from batches, and can be saved, copied and continued exactly.

    A subclass keeps whatever changes in the course of a run in the objects that `parts` names.
    """

    config: Any

    def __init__(self, observation_space: Space, action_space: Space, config: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.config = config

    @abstractmethod
    def act(self, obs: Any) -> Any:
        """Return the best action known, for one observation or for a batch with a leading axis."""

    @abstractmethod
    def explore(self, obs: Any, step: int, steps: int) -> Any:
        """Return an action to learn from, at ``step`` of a run of ``steps``."""

    @abstractmethod
    def update(self, batch: Any) -> Update:
        """Take one gradient step on a batch of tensors, as ``buffer.sample(n).torch()`` has it."""

    @abstractmethod
    def parts(self) -> Mapping[str, Any]:
        """What a run changes, by name: networks, optimizers, random generators."""

    @property
    @abstractmethod
    def policy(self) -> Any:
        """The network, or table, that `act` acts by."""

    def weights(self) -> Mapping[str, Tensor]:
        """Return what `act` depends on, as it is now: what a run keeps of its best agent."""
        weights: Mapping[str, Tensor] = self.policy.state_dict()
        return weights

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Act as the agent did whose ``weights()`` these are."""
        self.policy.load_state_dict(weights)

    def exploration(self, step: int, steps: int) -> Mapping[str, float]:
        """Return how much is explored at ``step`` of a run of ``steps``, to be shown."""
        return {}

    def buffer_options(self) -> dict[str, Any]:
        """Return what the buffer to learn from has to be made with."""
        config: OffPolicyConfig = self.config
        return {"n_step": config.n_step, "gamma": config.gamma}

    def extras(self) -> Mapping[str, Any]:
        """Return the extra fields of the transitions that the last `explore` leads to."""
        return {}

    def begin(self, which: Any) -> None:  # noqa: B027 - most agents have nothing to do
        """Hear that episodes begin: in all environments (None), or where a mask (N,) says so."""

    def update_target(self, times: int = 1) -> None:  # noqa: B027 - nor here
        """Do ``times`` of what is due every ``config.target_update_interval`` steps."""

    def sample(self, buffer: Any) -> Any:
        """Draw a batch to learn from, of a buffer or a mix, as tensors on the agent's device."""
        config: OffPolicyConfig = self.config
        device = None if config.device == "cpu" else config.device
        return buffer.sample(config.batch_size).torch(device)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run has changed, for ``torch.load(weights_only=True)``."""
        return {name: _state(part) for name, part in self.parts().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the agent that ``state`` was read from stood."""
        for name, part in self.parts().items():
            _load(part, state[name])

    def __reduce__(self) -> tuple[Callable[..., Agent], tuple[Any, ...]]:
        # Parameters, gradients and NumPy views share memory, so a copy has to lay out its own.
        spaces_and_config = (self.observation_space, self.action_space, self.config)
        return _rebuilt, (type(self), spaces_and_config, self.state_dict())


def _rebuilt(kind: type[Any], arguments: tuple[Any, ...], state: Mapping[str, Any]) -> Agent:
    agent: Agent = kind(*arguments)
    agent.load_state_dict(state)
    return agent


def _state(part: Any) -> Any:
    if isinstance(part, np.random.Generator):
        return json.dumps(part.bit_generator.state)
    return part.get_state() if isinstance(part, torch.Generator) else part.state_dict()


def _load(part: Any, state: Any) -> None:
    if isinstance(part, np.random.Generator):
        part.bit_generator.state = json.loads(state)
    elif isinstance(part, torch.Generator):
        part.set_state(state.cpu())
    elif isinstance(part, torch.optim.Optimizer):
        # It keeps the tensors that it is given, and would step another agent's moments.
        part.load_state_dict(copy.deepcopy(state))
    else:
        part.load_state_dict(state)


def named(agent: Agent, *names: str) -> dict[str, Any]:
    """Return some of an agent's attributes by their names."""
    return {name: getattr(agent, name) for name in names}


@contextmanager
def seeded(seed: np.random.SeedSequence) -> Iterator[None]:
    """Draw initial weights by a seed, and leave torch's own generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed.generate_state(1)[0]))
        yield


def generators(
    explore: np.random.SeedSequence, noise: np.random.SeedSequence, device: str
) -> tuple[np.random.Generator, torch.Generator]:
    """Return the generator of what an agent does, and that of what its networks draw."""
    generator = torch.Generator(device).manual_seed(int(noise.generate_state(1)[0]))
    return np.random.default_rng(explore), generator


def compiled(function: Callable[..., Any], wanted: bool) -> Callable[..., Any]:
    """Return the function, compiled if that is wanted."""
    if not wanted:
        return function
    return torch.compile(function)


class Counter:
    """A number that is a part of the state."""

    def __init__(self) -> None:
        self.value = 0

    def next(self) -> int:
        """Count one more, and return how many there were."""
        self.value += 1
        return self.value

    def state_dict(self) -> dict[str, int]:
        return {"value": self.value}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self.value = state["value"]
