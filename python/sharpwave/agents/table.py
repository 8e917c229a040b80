"""A table of values as a part of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch


class Table:
    """An array as a part of an agent's state."""

    def __init__(self, states: int, actions: int, value: float) -> None:
        self.array: npt.NDArray[np.float64] = np.full((states, actions), value)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return a copy, as a tensor: what ``torch.load(weights_only=True)`` reads."""
        return {"table": torch.tensor(self.array)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values that ``state`` has."""
        table = np.asarray(state["table"])
        if table.shape != self.array.shape:
            raise ValueError(
                f"table: expected shape {self.array.shape}, as the spaces say, got {table.shape}"
            )
        self.array[...] = table
