"""What the priorities of a buffer are kept in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tianshou.data import SegmentTree

from sharpwave.sum_tree import SumTree


class Weights(SegmentTree):
    """Tianshou's ``SegmentTree`` over a sum tree of float32.

    Parameters
    ----------
    size : int
        How many weights, all of them 0 at first.

    Raises
    ------
    ValueError
        A weight that is set and is negative or not finite, or a place that is not there.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.tree = SumTree(max(size, 1))

    @classmethod
    def of(cls, values: NDArray[Any]) -> Weights:
        """Make one of these weights."""
        weights = cls(len(values))
        if len(values):
            weights[np.arange(len(values))] = values
        return weights

    def __getitem__(self, index: Any) -> Any:
        places = np.asarray(index)
        found = self.tree[np.where(places < 0, places + self._size, places).reshape(-1)]
        return found.astype(float).reshape(places.shape)[()]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, float) and isinstance(index, np.ndarray) and index.ndim == 1:
            self.tree[index] = value  # as each step that is added does
            return
        places = np.asarray(index).reshape(-1)
        self.tree[places] = np.broadcast_to(np.asarray(value).reshape(-1), places.shape)

    def reduce(self, start: int = 0, end: int | None = None) -> float:
        if start == 0 and end is None:
            return self.tree.total
        return float(self[np.arange(self._size)[start:end]].sum())

    def get_prefix_sum_idx(self, value: Any) -> Any:
        places = self.tree.find(np.atleast_1d(value))
        return places if isinstance(value, np.ndarray) else places.item()

    def __getstate__(self) -> dict[str, Any]:
        return {"weights": self[np.arange(self._size)]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = Weights.of(state["weights"]).__dict__
