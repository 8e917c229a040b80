"""DQN's gradient step without torch, over the memory of the parameters and of Adam's moments.

At 11,000 parameters and 128 transitions torch spends most of a step on finding out what to compute
(docs/decisions/0017). What `sharpwave.mlp` computes is the step of `DQN.losses`, of `flat.clip` and
of ``torch.optim.Adam``; the optimizer keeps its state, so either step continues the other's run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces

from sharpwave.agents.agent import Space, Update
from sharpwave.agents.dqn_config import DQNConfig
from sharpwave.agents.flat import FlatParameters, native_adam
from sharpwave.agents.noisy import FlatNoise
from sharpwave.mlp import HAS_VECTORS, DqnStep

PLAIN: dict[str, Any] = {
    "device": "cpu",
    "distribution": ("none", "c51"),
    "munchausen": False,
    "cql_alpha": 0.0,
}
"""The only values of these settings, or the only ones of several, that the native step knows."""

LARGEST = 2**24
"""Up to so many weights times transitions "auto" takes the native step: it has one thread."""


class Vectors(NamedTuple):
    """What a step reads and writes, on the CPU, where it stays."""

    online: FlatParameters
    target: FlatParameters
    noises: Sequence[FlatNoise]
    """of the online and of the target network, if they are noisy"""
    optimizer: torch.optim.Adam
    """over the online parameters; its learning rate, betas and eps are read at every step"""


class NativeStep:
    """One gradient step a call, in place of `DQN`'s own.

    Parameters
    ----------
    config, widths, first_action
        The settings, the widths of the network from the observation to the actions, and the name
        of its first action.
    vectors
        Parameters, noise and moments.
    """

    def __init__(
        self,
        config: DQNConfig,
        widths: tuple[int, ...],
        first_action: int,
        vectors: Vectors,
    ) -> None:
        self._parameters, self._optimizer = vectors.online, vectors.optimizer
        self._target = vectors.target.numpy()
        self._noises: list[Any] = [noise.numpy() for noise in vectors.noises] or [None, None]
        is_categorical = config.distribution == "c51"
        self._step = DqnStep(
            widths,
            first_action,
            double=config.double,
            huber=config.loss == "huber",
            max_norm=config.max_grad_norm,
            dueling=config.dueling,
            noisy=config.noisy,
            support=(config.atoms, config.v_min, config.v_max) if is_categorical else None,
        )

    def __call__(self, batch: Any) -> Update:
        with native_adam(self._parameters, self._optimizer) as adam:
            weight = getattr(batch, "weight", None)
            loss, td_error = self._step(
                self._target,
                *adam,
                batch.obs.numpy(),
                batch.action.numpy(),
                batch.reward.numpy(),
                batch.next_obs.numpy(),
                batch.discount.numpy(),
                None if weight is None else weight.numpy(),
                *self._noises,
            )
        return Update(torch.tensor(loss), torch.from_numpy(td_error))


def native_step(
    config: DQNConfig,
    observation_space: Space,
    action_space: spaces.Discrete,
    vectors: Vectors,
) -> NativeStep | None:
    """Return the native step, or None where ``config.backend`` or the network leaves it to torch.

    Raises
    ------
    ValueError
        ``backend="native"`` with a setting or a space that the native step does not know.
    """
    products = vectors.online.values.numel() * config.batch_size
    if not is_native(config, PLAIN, observation_space, products):
        return None
    size = int(np.prod(observation_space.shape or ()))
    widths = (size, *config.hidden, int(action_space.n))
    return NativeStep(config, widths, int(action_space.start), vectors)


def is_native(
    config: Any, plain: Mapping[str, Any], space: Space, products: int, largest: int = LARGEST
) -> bool:
    """Say whether a native step is to be taken that knows no values but those of ``plain``.

    Raises
    ------
    ValueError
        ``config.backend`` is "native" and there is something that it does not know.
    """
    unknown = _unknown(config, plain, space)
    if config.backend == "native" and unknown:
        raise ValueError(f"backend: native expected {unknown}; take backend='auto' or 'torch'")
    if unknown or config.backend == "torch":
        return False
    return config.backend == "native" or (HAS_VECTORS and products <= largest)


def _unknown(config: Any, plain: Mapping[str, Any], space: Space) -> str | None:
    """What is expected instead of the first thing that the native step does not know."""
    for name, known in plain.items():
        allowed = known if isinstance(known, tuple) else (known,)
        if (value := getattr(config, name)) not in allowed:
            return f"{name}={' or '.join(map(repr, allowed))}, got {value!r}"
    if not isinstance(space, spaces.Box) or space.dtype.kind != "f" or 0 in space.shape:
        return f"observations of a Box of floats, got {space}"
    return None
