"""Which actions an observation allows.

The mask is a part of the observation: a Dict with "observation" and "action_mask", as PettingZoo has
it. So the buffer keeps the next state's mask beside the next state, right for every window and
every autoreset, and nothing else has to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from torch import Tensor

OBSERVATION, MASK = "observation", "action_mask"
FORBIDDEN = -1e9
"""The value of an action that is not allowed: far below all others, and finite, as 0 · ∞ is not 0."""


def features_of(space: spaces.Space[Any], n_actions: int) -> spaces.Space[Any]:
    """Return the space of what a network sees: all of it, or the part beside the mask.

    Examples
    --------
    >>> import numpy as np
    >>> from gymnasium.spaces import Box, Dict, MultiBinary
    >>> from sharpwave.agents.masks import features_of
    >>> features_of(Dict(observation=Box(-1, 1, (4,)), action_mask=MultiBinary(3)), 3).shape
    (4,)
    """
    if not isinstance(space, spaces.Dict):
        return space
    if set(space.spaces) != {OBSERVATION, MASK}:
        raise ValueError(
            f"observation_space: expected Box or Discrete, or a Dict of {OBSERVATION} and {MASK}, "
            f"got {space}; flatten it first, e.g. with gymnasium.wrappers.FlattenObservation"
        )
    shape = space.spaces[MASK].shape
    if shape != (n_actions,):
        raise ValueError(f"{MASK}: expected shape ({n_actions},), one an action, got {shape}")
    return space.spaces[OBSERVATION]


def split(obs: Any) -> tuple[Any, Any]:
    """Return what the network sees, and the mask or None."""
    if isinstance(obs, Mapping):
        return obs[OBSERVATION], obs[MASK]
    return obs, None


def allow(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return values (B, A) in which what the mask forbids is chosen last."""
    return values if mask is None else values.masked_fill(mask == 0, FORBIDDEN)


def best(values: Any, mask: Any) -> Any:
    """Return the most valuable action allowed, for NumPy values (A,) or (B, A)."""
    if mask is not None:
        values = np.where(np.asarray(mask) == 0, FORBIDDEN, values)
    return values.argmax(-1)


def any_of(mask: Any, rng: np.random.Generator, shape: tuple[int, ...], n_actions: int) -> Any:
    """Draw actions that are allowed, all alike."""
    if mask is None:
        return rng.integers(n_actions, size=shape or None)
    # The largest of equally distributed numbers is at each place equally often.
    return (rng.random((*shape, n_actions)) * (np.asarray(mask) != 0)).argmax(-1)
