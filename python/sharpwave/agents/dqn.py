"""Deep Q-learning.

Mnih et al. 2015, "Human-level control through deep reinforcement learning"
(https://doi.org/10.1038/nature14236), with the double estimator of van Hasselt et al. 2016, "Deep
reinforcement learning with double Q-learning" (arXiv 1509.06461).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor, nn

from sharpwave import td
from sharpwave.agents import checks
from sharpwave.agents.networks import QNetwork, numpy_twin, q_network

LOSSES = {"huber": nn.functional.smooth_l1_loss, "mse": nn.functional.mse_loss}


@dataclass(frozen=True)
class DQNConfig:
    """Settings of DQN. Steps are transitions, however many environments they come from."""

    hidden: tuple[int, ...] = (256, 128)
    """width of each hidden layer"""
    learning_rate: float = 1e-3
    """step size of Adam"""
    gamma: float = 0.99
    """discount of the future"""
    batch_size: int = 64
    """transitions in a gradient step"""
    buffer_size: int = 50_000
    """transitions the buffer holds"""
    learning_starts: int = 1_000
    """steps before the first gradient step"""
    train_freq: int = 2
    """steps between rounds of gradient steps"""
    gradient_steps: int = 1
    """gradient steps in a round"""
    target_update_interval: int = 200
    """steps between updates of the target network"""
    tau: float = 1.0
    """how far an update moves the target to the online network: 1 copies it, less is Polyak's"""
    double: bool = True
    """Double DQN: the online network chooses the action, the target network values it"""
    loss: str = "huber"
    """of the TD error: huber or mse"""
    max_grad_norm: float | None = 10.0
    """gradients longer than this are scaled down to it; None leaves them"""
    epsilon_start: float = 1.0
    """chance of a random action at the first step"""
    epsilon_end: float = 0.05
    """chance of a random action once exploration has ended"""
    exploration_fraction: float = 0.2
    """share of all steps over which the chance of a random action falls"""
    device: str = "cpu"
    """where the networks live; for small ones the CPU is the fastest"""

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))


_count = partial(checks.integer, at_least=1)
_share = partial(checks.number, at_least=0, at_most=1)
_positive = partial(checks.number, above=0)
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "hidden": checks.sizes,
    "learning_rate": _positive,
    "gamma": _share,
    "batch_size": _count,
    "buffer_size": _count,
    "learning_starts": _count,
    "train_freq": _count,
    "gradient_steps": _count,
    "target_update_interval": _count,
    "tau": partial(checks.number, above=0, at_most=1),
    "double": checks.flag,
    "loss": partial(checks.choice, choices=LOSSES),
    "max_grad_norm": lambda name, value: value if value is None else _positive(name, value),
    "epsilon_start": _share,
    "epsilon_end": _share,
    "exploration_fraction": _share,
    "device": lambda name, value: _device(value),
}


def dqn_loss(
    online: nn.Module,
    target: nn.Module,
    batch: Any,
    action: Tensor,
    *,
    double: bool,
    loss: str,
) -> Tensor:
    """Return mean loss(Q(s, a) - y), where y = r + discount * max_a Q_target(s', a).

    Parameters
    ----------
    online, target
        Modules from observations (B, *obs) to values (B, A); no gradient enters the target.
    batch
        Tensors obs (B, *obs), reward (B,), discount (B,), next_obs (B, *obs).
    action
        The positions of the actions taken among the A values, int64 (B,).
    double
        y = r + discount * Q_target(s', argmax_a Q(s', a)) instead.
    loss
        "huber", whose gradient is the TD error clipped to [-1, 1], or "mse".
    """
    with torch.no_grad():
        next_q = target(batch.next_obs)
        if double:
            y = td.double_target(batch.reward, batch.discount, online(batch.next_obs), next_q)
        else:
            y = td.target(batch.reward, batch.discount, next_q)
    q = online(batch.obs).gather(1, action.unsqueeze(1))
    return LOSSES[loss](q, y.unsqueeze(1))


class DQN:
    """A deep Q-learning agent for one or many environments with discrete actions.

    Parameters
    ----------
    observation_space, action_space
        Of a single environment. Observations are a Box or Discrete, actions are Discrete.
    config
        The hyperparameters.
    seed
        Of the initial weights and of exploration; torch's own generator is left as it was.

    Attributes
    ----------
    online, target
        The two networks. They share no memory.
    optimizer
        Adam over the parameters of the online network.

    Examples
    --------
    >>> import numpy as np
    >>> import sharpwave as sw
    >>> from gymnasium.spaces import Box, Discrete
    >>> agent = sw.agents.DQN(Box(-1, 1, (4,), np.float32), Discrete(2), seed=0)
    >>> agent.act(np.zeros(4, np.float32)) in (0, 1)
    True
    >>> agent.act(np.zeros((3, 4), np.float32), epsilon=0.1).shape
    (3,)
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: DQNConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"action_space: DQN needs Discrete actions, got {action_space}")
        self.config = config or DQNConfig()
        init_seed, explore_seed = np.random.SeedSequence(seed).spawn(2)
        self.online = _seeded_network(
            observation_space, int(action_space.n), self.config, init_seed
        )
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            self.online.parameters(), lr=self.config.learning_rate, fused=True
        )
        self._first_action = int(action_space.start)
        self._n_actions = int(action_space.n)
        self._obs_ndim = len(observation_space.shape or ())
        self._rng = np.random.default_rng(explore_seed)
        self._look_into_parameters()

    def act(self, obs: Any, epsilon: float = 0.0) -> Any:
        """Choose an action: a random one with probability ``epsilon``, else the most valuable one.

        Parameters
        ----------
        obs
            One observation, or a batch of them with a leading axis.
        epsilon
            Drawn against for every observation of a batch on its own; 0 draws nothing.

        Returns
        -------
        int or ndarray
            The action, or an int64 array of actions.
        """
        obs = np.asarray(obs)
        if obs.ndim > self._obs_ndim:
            return self._act_batch(obs, epsilon)
        if epsilon and self._rng.random() < epsilon:
            return int(self._rng.integers(self._n_actions)) + self._first_action
        return int(self._values(obs).argmax()) + self._first_action

    def update(self, batch: Any) -> Tensor:
        """Take one gradient step on a batch of tensors, as ``buffer.sample(n).torch()`` returns it.

        Returns
        -------
        Tensor
            The loss before the step, without gradient. To read it as a number takes time; the
            caller decides when.
        """
        config = self.config
        action = batch.action.long()
        if self._first_action:
            action = action - self._first_action
        loss = dqn_loss(
            self.online, self.target, batch, action, double=config.double, loss=config.loss
        )
        self._gradient.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        if config.max_grad_norm is not None:
            clip(self._gradient, config.max_grad_norm)
        self.optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def update_target(self, times: int = 1) -> None:
        """Move the target network to the online one by the share ``tau``, ``times`` times over."""
        share = 1.0 - (1.0 - self.config.tau) ** times
        for target, online in zip(self.target.parameters(), self.online.parameters(), strict=True):
            target.lerp_(online, share)

    def state_dict(self) -> dict[str, Any]:
        """Return what learning and exploring depend on, for ``torch.load(weights_only=True)``."""
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "exploration": json.dumps(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where the agent that ``state`` was read from stood."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = json.loads(state["exploration"])

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(self).items()
            if name not in ("_gradient", "_values")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._look_into_parameters()

    def _look_into_parameters(self) -> None:
        # Both are views of this agent's parameters, so a copy of the agent must make its own.
        self._gradient = share_gradient(self.online)
        on_cpu = self.config.device == "cpu"
        self._values = numpy_twin(self.online) if on_cpu else self._torch_values

    def _act_batch(self, obs: npt.NDArray[Any], epsilon: float) -> npt.NDArray[np.int64]:
        explore = self._rng.random(len(obs)) < epsilon if epsilon else np.zeros(len(obs), bool)
        actions = self._rng.integers(self._n_actions, size=len(obs))
        if not explore.all():
            actions = np.where(explore, actions, self._batch_values(obs).argmax(1))
        return actions + self._first_action

    @torch.inference_mode()
    def _batch_values(self, obs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        values = self.online(torch.as_tensor(obs, device=self.config.device))
        return values.cpu().numpy()  # type: ignore[no-any-return]

    def _torch_values(self, obs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        values: npt.NDArray[np.float32] = self._batch_values(obs[np.newaxis])[0]
        return values


def share_gradient(network: nn.Module) -> Tensor:
    """Lay the gradients of all parameters side by side in one vector.

    To zero or to clip them is then one operation, whatever the number of parameters.
    """
    parameters = list(network.parameters())
    sizes = [parameter.numel() for parameter in parameters]
    gradient = torch.zeros(sum(sizes), device=parameters[0].device)
    for parameter, part in zip(parameters, torch.split(gradient, sizes), strict=True):
        parameter.grad = part.view_as(parameter)
    return gradient


def clip(gradient: Tensor, max_norm: float) -> None:
    """Scale ``gradient`` down, in place, to the length ``max_norm`` if it is longer."""
    scale = max_norm / (torch.linalg.vector_norm(gradient) + 1e-6)
    gradient.mul_(scale.clamp_(max=1.0))


def _seeded_network(
    space: spaces.Space[Any], n_actions: int, config: DQNConfig, seed: np.random.SeedSequence
) -> QNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed.generate_state(1)[0]))
        return q_network(space, n_actions, config.hidden).to(config.device)


def _device(name: Any) -> str:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"device: expected one that this torch can use, e.g. cpu or cuda, got {name!r}"
        ) from error
    return str(name)
