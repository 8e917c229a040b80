"""The gradient steps of SAC, TD3 and DDPG without torch, over the memory of its parameters.

See `sharpwave.agents.native`: this is the same for an actor and critics (docs/decisions/0018). What
is computed, by `sharpwave.actor_critic_steps`, is what the agents' own ``step_critics`` and
``step_actor`` do; noise is drawn and targets are moved by the agents, whoever takes the steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpwave.actor_critic_steps import SacStep, Td3Step
from sharpwave.agents.agent import Space
from sharpwave.agents.flat import FlatParameters, native_adam
from sharpwave.agents.native import is_native

PLAIN: dict[str, Any] = {"device": "cpu", "layer_norm": False}
"""The only values of these settings that the native steps know; of TD3's also no cloning."""

LARGEST = 2**25
"""Up to so many weights of a critic times transitions "auto" takes the native steps."""


class NativeSAC:
    """Steps of SAC's critics and its actor, as `SAC.step_critics` and `SAC.step_actor`."""

    def __init__(self, agent: Any, log_std: tuple[float, float]) -> None:
        config = agent.config
        self._actor = (agent._actor, agent.actor_optimizer)
        self._critics = (agent._critics, agent.critics_optimizer)
        self._target = agent._critics_target.numpy()
        self._all = list(range(config.critics))
        is_mean = config.target_critics is not None
        self._step = SacStep(*_shape_of(agent), log_std=log_std, mean=is_mean)

    def step_critics(
        self, batch: Any, action: Tensor, temperature: Tensor, noise: Tensor, members: Any
    ) -> tuple[Tensor, Tensor]:
        chosen = self._all if isinstance(members, slice) else members.tolist()
        rows = _rows_of(batch, action, noise)
        with native_adam(*self._critics) as critics:
            loss, td_error = self._step.step_critics(
                critics, self._target, self._actor[0].numpy(), *rows, temperature.item(), chosen
            )
        return torch.tensor(loss), torch.from_numpy(td_error)

    def step_actor(self, obs: Tensor, temperature: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        values = self._critics[0].numpy()
        with native_adam(*self._actor) as actor:
            loss, log_pi = self._step.step_actor(
                actor, values, obs.numpy(), noise.numpy(), temperature.item()
            )
        return torch.tensor(loss), torch.from_numpy(log_pi)


class NativeTD3:
    """Steps of TD3's critics and its actor, as `TD3.step_critics` and `TD3.step_actor`."""

    def __init__(self, agent: Any, actor_target: FlatParameters) -> None:
        config = agent.config
        self._actor = (agent._actor, agent.actor_optimizer)
        self._critics = (agent._critics, agent.critics_optimizer)
        self._target, self._actor_target = agent._critics_target.numpy(), actor_target.numpy()
        noise = {"noise": config.target_noise, "noise_clip": config.target_noise_clip}
        self._step = Td3Step(*_shape_of(agent), **noise)

    def step_critics(self, batch: Any, action: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        rows = _rows_of(batch, action, noise)
        with native_adam(*self._critics) as critics:
            loss, td_error = self._step.step_critics(
                critics, self._target, self._actor_target, *rows
            )
        return torch.tensor(loss), torch.from_numpy(td_error)

    def step_actor(self, obs: Tensor, _action: Tensor) -> Tensor:
        values = self._critics[0].numpy()
        with native_adam(*self._actor) as actor:
            return torch.tensor(self._step.step_actor(actor, values, obs.numpy()))


def takes_native(agent: Any, kind: type[Any], losses: tuple[str, ...], **plain: Any) -> bool:
    """Say whether the native steps are to be taken, which are of ``kind``'s own ``losses``.

    Raises
    ------
    ValueError
        ``backend="native"`` with a setting or a space that the native steps do not know.
    """
    if any(getattr(type(agent), name) is not getattr(kind, name) for name in losses):
        return False  # whoever inherits may have a loss of their own
    config, space = agent.config, agent.observation_space
    weights = agent._critics.values.numel() // config.critics
    return is_native(config, {**PLAIN, **plain}, space, weights * config.batch_size, LARGEST)


def _shape_of(agent: Any) -> tuple[int, int, tuple[int, ...], int]:
    space: Space = agent.observation_space
    size = int(np.prod(space.shape or ()))
    return size, agent.scale.size, agent.config.hidden, agent.config.critics


def _rows_of(
    batch: Any, action: Tensor, noise: Tensor
) -> tuple[Any, Any, Any, Any, Any, Any | None, Any]:
    weight = getattr(batch, "weight", None)
    return (
        batch.obs.numpy(),
        action.numpy(),
        batch.reward.numpy(),
        batch.next_obs.numpy(),
        batch.discount.numpy(),
        None if weight is None else weight.numpy(),
        noise.numpy(),
    )
