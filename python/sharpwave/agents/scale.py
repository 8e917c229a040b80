"""Continuous actions: as an environment has them, and as networks do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor


class Scale:
    """Between the actions of an environment and those of networks, which lie in [-1, 1].

    The buffer holds the environment's: what is stored is what was done.
    """

    def __init__(self, space: spaces.Space[Any], device: str, agent: str) -> None:
        if not isinstance(space, spaces.Box) or space.dtype.kind != "f" or not space.is_bounded():
            raise ValueError(
                f"action_space: {agent} needs a Box of floats with finite bounds, got {space}"
            )
        self.shape, self.size = space.shape, int(np.prod(space.shape))
        self._low, self._high = space.low, space.high
        # Halves first: the width of all floats is itself no float.
        self._middle, self._half = space.high / 2 + space.low / 2, space.high / 2 - space.low / 2
        self._dtype = space.dtype
        self._middle_t = torch.as_tensor(self._middle.reshape(-1), device=device).float()
        # Where there is nothing to choose, half is 0 and any width serves.
        width = np.where(self._half == 0, 1, self._half)
        self._half_t = torch.as_tensor(width.reshape(-1), device=device).float()

    def to_env(self, unit: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the action for the environment, exactly within its bounds."""
        action = unit.reshape((*unit.shape[:-1], *self.shape)) * self._half + self._middle
        return np.clip(action, self._low, self._high).astype(self._dtype, copy=False)

    def to_unit(self, action: Tensor) -> Tensor:
        """Return stored actions as networks have them, (B, size)."""
        return (action.reshape(len(action), -1).float() - self._middle_t) / self._half_t

    def random(self, rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Draw actions uniformly."""
        return self.to_env(rng.uniform(-1, 1, (*shape, self.size)))
