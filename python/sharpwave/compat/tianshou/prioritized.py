"""Buffers whose rows are drawn by their priorities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tianshou.data import Batch, SegmentTree, to_numpy
from tianshou.data.buffer import manager, prio, vecbuf

from sharpwave.compat.tianshou.buffer import ReplayBuffer
from sharpwave.compat.tianshou.manager import ReplayBufferManager, parts_of
from sharpwave.compat.tianshou.weights import Weights

_ROUNDED = 1e-5  # a power of float32 is no further off, relative to its size


class PrioritizedReplayBuffer(prio.PrioritizedReplayBuffer, ReplayBuffer):
    """Tianshou's ``PrioritizedReplayBuffer``, sampled, filled and updated faster.

    Parameters
    ----------
    size : int
    alpha : float
        The exponent of the priorities.
    beta : float
        The exponent of the importance weights.
    weight_norm : bool, default True
        Whether each batch's weights are divided by their largest.
    **options
        Those of :class:`ReplayBuffer`.

    Raises
    ------
    ValueError
        A priority that is not finite. Nothing was updated.

    Notes
    -----
    - Draws take the numbers of NumPy's global generator that Tianshou's take, and find the same rows.
    - Priorities are kept as float32; the weights of a batch are float64, as Tianshou's are.
    """

    _max_prio: float
    _min_prio: float

    def __init__(
        self, size: int, alpha: float, beta: float, weight_norm: bool = True, **options: Any
    ) -> None:
        prio.PrioritizedReplayBuffer.__init__(self, size, alpha, beta, weight_norm, **options)
        self.weight = Weights(self.maxsize)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        weight = self.__dict__.get("weight")
        if isinstance(weight, SegmentTree) and not isinstance(weight, Weights):
            self.weight = Weights.of(weight[np.arange(len(weight))])  # a file of Tianshou's

    def sample_indices(self, batch_size: int | None) -> NDArray[np.int64]:
        tree = self.weight.tree
        total = tree.total
        if batch_size and batch_size > 0 and total:
            return tree.find(np.random.rand(batch_size) * total)  # noqa: NPY002
        return super().sample_indices(batch_size)

    def get_weight(self, index: Any) -> Any:
        if not isinstance(index, np.ndarray) or index.ndim != 1:
            return super().get_weight(index)
        return self.weight.tree.weigh(index, self._beta, self._min_prio).astype(float)

    def update_weight(self, index: Any, new_weight: Any) -> None:
        errors, alpha = to_numpy(new_weight), self._alpha
        # Private by a class's name, which is Tianshou's and ours.
        least, most = self.weight.tree.prioritize(index, errors, alpha, self.__eps)
        is_largest = most >= self._max_prio**alpha * (1 - _ROUNDED)
        if is_largest or least <= self._min_prio**alpha * (1 + _ROUNDED):  # seldom
            priorities = np.abs(errors) + self.__eps
            self._max_prio = max(self._max_prio, priorities.max())
            self._min_prio = min(self._min_prio, priorities.min())

    def __getitem__(self, index: Any) -> Batch:
        if not isinstance(index, np.ndarray):
            return super().__getitem__(index)
        batch = super(prio.PrioritizedReplayBuffer, self).__getitem__(index)
        if self._weight_norm and index.ndim == 1:  # what remains does not depend on _min_prio
            weight = self.weight.tree.weigh(index, self._beta).astype(float)
        else:
            weight = self.get_weight(index)
            weight = weight / weight.max() if self._weight_norm else weight
        batch.__dict__["weight"] = weight
        return batch


class PrioritizedReplayBufferManager(
    PrioritizedReplayBuffer, manager.PrioritizedReplayBufferManager, ReplayBufferManager
):
    """Tianshou's ``PrioritizedReplayBufferManager``; ``buffers`` are views of parts of its memory.

    Parameters
    ----------
    buffer_list : list of PrioritizedReplayBuffer
        Empty ones of the same options.
    """

    def __init__(self, buffer_list: list[Any]) -> None:
        manager.PrioritizedReplayBufferManager.__init__(self, buffer_list)
        self.weight = Weights(self.maxsize)
        self._weight_norm = buffer_list[0]._weight_norm

    def set_beta(self, beta: float) -> None:
        """Set the exponent of the weights, of the manager and of every part."""
        self._beta = beta
        for part in self.buffers:
            part.set_beta(beta)


class PrioritizedVectorReplayBuffer(
    PrioritizedReplayBufferManager, vecbuf.PrioritizedVectorReplayBuffer
):
    """Tianshou's ``PrioritizedVectorReplayBuffer``, sampled, filled and updated faster.

    Parameters
    ----------
    total_size, buffer_num : int
        As of :class:`VectorReplayBuffer`.
    **options
        Those of :class:`PrioritizedReplayBuffer`.
    """

    def __init__(self, total_size: int, buffer_num: int, **options: Any) -> None:
        parts = parts_of(PrioritizedReplayBuffer, total_size, buffer_num, options)
        PrioritizedReplayBufferManager.__init__(self, parts)
