"""DQN's gradient step without torch, over the memory of the parameters and of Adam's moments.

At 11,000 parameters and 128 transitions torch spends most of a step on finding out what to compute
(docs/decisions/0017). What `sharpwave.mlp` computes is the step of `DQN.losses`, of `flat.clip` and
of ``torch.optim.Adam``; the optimizer keeps its state, so either step continues the other's run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from sharpwave.agents.agent import Space, Update
from sharpwave.agents.dqn_config import DQNConfig
from sharpwave.agents.encoders import FloatArray
from sharpwave.agents.flat import FlatParameters
from sharpwave.mlp import HAS_VECTORS, DqnStep

PLAIN: dict[str, Any] = {
    "device": "cpu",
    "dueling": False,
    "noisy": False,
    "distribution": "none",
    "munchausen": False,
    "cql_alpha": 0.0,
}
"""The only values of these settings that the native step knows."""

LARGEST = 2**24
"""Up to so many weights times transitions "auto" takes the native step: it has one thread."""


class NativeStep:
    """One gradient step a call, in place of `DQN`'s own.

    Parameters
    ----------
    config, widths, first_action
        The settings, the widths of the network from the observation to the actions, and the name
        of its first action.
    online, target
        The parameters, on the CPU, where they stay.
    optimizer
        Adam over the online ones. Its learning rate, betas and eps are read at every step.
    """

    def __init__(
        self,
        config: DQNConfig,
        widths: tuple[int, ...],
        first_action: int,
        online: FlatParameters,
        target: FlatParameters,
        optimizer: torch.optim.Adam,
    ) -> None:
        self._optimizer, self._parameter = optimizer, online.values
        self._vectors = (_view(target.values), _view(online.values), _view(online.gradient))
        self._step = DqnStep(
            widths, first_action, config.double, config.loss == "huber", config.max_grad_norm
        )

    def __call__(self, batch: Any) -> Update:
        exp_avg, exp_avg_sq, steps = self._state()
        group = self._optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        weight = getattr(batch, "weight", None)
        loss, td_error = self._step(
            *self._vectors,
            exp_avg.numpy(),
            exp_avg_sq.numpy(),
            steps.item() + 1,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            batch.obs.numpy(),
            batch.action.numpy(),
            batch.reward.numpy(),
            batch.next_obs.numpy(),
            batch.discount.numpy(),
            None if weight is None else weight.numpy(),
        )
        steps += 1
        return Update(torch.tensor(loss), torch.from_numpy(td_error))

    def _state(self) -> tuple[Tensor, Tensor, Tensor]:
        state = self._optimizer.state[self._parameter]
        if not state:  # as Adam begins
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(self._parameter, requires_grad=False)
            state["exp_avg_sq"] = torch.zeros_like(self._parameter, requires_grad=False)
        return state["exp_avg"], state["exp_avg_sq"], state["step"]


def _view(vector: Tensor) -> FloatArray:
    view: FloatArray = vector.detach().numpy()
    return view


def native_step(
    config: DQNConfig,
    observation_space: Space,
    action_space: spaces.Discrete,
    online: FlatParameters,
    target: FlatParameters,
    optimizer: torch.optim.Adam,
) -> NativeStep | None:
    """Return the native step, or None where ``config.backend`` or the network leaves it to torch.

    Raises
    ------
    ValueError
        ``backend="native"`` with a setting or a space that the native step does not know.
    """
    unknown = _unknown(config, observation_space)
    if config.backend == "native" and unknown:
        raise ValueError(f"backend: native expected {unknown}; take backend='auto' or 'torch'")
    is_fast = HAS_VECTORS and online.values.numel() * config.batch_size <= LARGEST
    if unknown or config.backend == "torch" or (config.backend == "auto" and not is_fast):
        return None
    size = int(np.prod(observation_space.shape or ()))
    widths = (size, *config.hidden, int(action_space.n))
    return NativeStep(config, widths, int(action_space.start), online, target, optimizer)


def _unknown(config: DQNConfig, space: Space) -> str | None:
    """What is expected instead of the first thing that the native step does not know."""
    for name, known in PLAIN.items():
        if (value := getattr(config, name)) != known:
            return f"{name}={known!r}, got {value!r}"
    if not isinstance(space, spaces.Box) or space.dtype != np.float32 or 0 in space.shape:
        return f"observations of a Box of float32, got {space}"
    return None
