"""Which row of a table an observation has, where observations are tuples of integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces


@dataclass(frozen=True)
class Rows:
    """The parts of an observation as the digits of a number, the last one counting ones.

    Parameters
    ----------
    starts, sizes
        The smallest value of each part, and how many values it has.

    Examples
    --------
    >>> from gymnasium.spaces import Discrete, Tuple
    >>> rows = Rows.of(Tuple((Discrete(10), Discrete(5, start=1))))
    >>> rows((3, 5))
    19
    >>> rows((np.array([3, 0]), np.array([5, 1])))
    array([19,  0])
    """

    starts: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, space: spaces.Space[Any]) -> Rows:
        """Read them off a MultiDiscrete of one axis, or a Tuple of Discrete."""
        if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
            return cls(tuple(space.start.tolist()), tuple(space.nvec.tolist()))
        if isinstance(space, spaces.Tuple):
            parts = [part for part in space if isinstance(part, spaces.Discrete)]
            if parts and len(parts) == len(space):
                return cls(tuple(int(p.start) for p in parts), tuple(int(p.n) for p in parts))
        raise ValueError(
            "observation_space: expected Discrete, a MultiDiscrete of one axis or a Tuple of "
            f"Discrete, got {space}; a table has no row for anything else, a DQN may serve"
        )

    def __len__(self) -> int:
        return math.prod(self.sizes)

    def __call__(self, obs: Any) -> Any:
        """Return the row of one observation, or an int64 array of rows.

        Parameters
        ----------
        obs
            A tuple of integers or of arrays (B,), or an array (P,) or (B, P) of P parts.

        Raises
        ------
        ValueError
            Another number of parts, or a part outside its space: its row would be another's.
        """
        parts = obs if isinstance(obs, tuple) else _columns(obs)
        if len(parts) != len(self.sizes):
            raise ValueError(f"obs: expected {len(self.sizes)} parts, got {len(parts)}")
        row: Any = 0
        for part, start, size in zip(parts, self.starts, self.sizes, strict=True):
            digit = (part if isinstance(part, int) else _integers(part)) - start
            is_inside = 0 <= digit < size if isinstance(digit, int) else _all_below(digit, size)
            if not is_inside:
                raise ValueError(
                    f"obs: expected parts from {self.starts} on, {self.sizes} values each, "
                    f"got {part}"
                )
            row = row * size + digit
        return row


def _columns(obs: Any) -> Any:
    array = np.asarray(obs)
    return array.tolist() if array.ndim == 1 else np.moveaxis(array, -1, 0)


def _integers(part: Any) -> Any:
    array = np.asarray(part)
    if array.dtype.kind not in "iu":
        raise ValueError(f"obs: expected integers, got {part}")
    return array.astype(np.int64)


def _all_below(digits: Any, size: int) -> bool:
    return bool(np.all((digits >= 0) & (digits < size)))
