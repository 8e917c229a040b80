"""PrioritizedSampler: TorchRL's, over a sum tree that needs no libtorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchrl import data as peer
from torchrl._utils import logger

from sharpwave.compat.torchrl.tracing import not_traced
from sharpwave.sum_tree import SumTree


class _Tree:
    """A SumTree as the base class reads and writes its compiled ones."""

    def __init__(self, sums: SumTree) -> None:
        self.sums = sums

    def __getitem__(self, places: Any) -> Any:
        values = torch.from_numpy(self.sums[np.asarray(places)])
        return values if np.ndim(places) else values.item()

    def __setitem__(self, places: Any, values: Any) -> None:
        self.sums[np.asarray(places)] = np.asarray(values)


class _Smallest(_Tree):
    """The same tree in the place of the one of minima, which is written with the same values."""

    def __setitem__(self, places: Any, values: Any) -> None: ...


class PrioritizedSampler(peer.PrioritizedSampler):
    """TorchRL's ``PrioritizedSampler`` over a ``sharpwave.sum_tree.SumTree``.

    It needs none of TorchRL's compiled trees, and so works with any version of torch. Parameters,
    attributes and methods are the same, and so are draws with the same seed of ``np.random``, or
    of the generator.

    Raises
    ------
    ValueError
        A ``device`` other than the CPU; priorities that are not finite, rows beyond the capacity.
    NotImplementedError
        A ``dtype`` other than float32 and float64.

    Notes
    -----
    Priorities are float32 whatever ``dtype`` is, their sum is float64. A priority of 0 is never
    drawn, and does not count as the smallest one, from which weights are.

    Examples
    --------
    >>> import torch
    >>> from tensordict import TensorDict
    >>> from sharpwave.compat.torchrl import PrioritizedSampler, ReplayBuffer, SharpwaveStorage
    >>> sampler = PrioritizedSampler(max_capacity=1000, alpha=0.6, beta=0.4, eps=0.0)
    >>> buffer = ReplayBuffer(storage=SharpwaveStorage(1000), sampler=sampler, batch_size=4)
    >>> index = buffer.extend(TensorDict({"obs": torch.arange(3)}, [3]))
    >>> buffer.update_priority(index, torch.tensor([0.0, 1.0, 0.0]))
    >>> buffer.sample()["obs"]
    tensor([1, 1, 1, 1])
    """

    _sum_tree: Any
    _max_priority: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with _without_a_word_on_compiled_trees():
            super().__init__(*args, **kwargs)

    def _init(self) -> None:
        if self.dtype not in (torch.float32, torch.float64):
            raise NotImplementedError(f"dtype {self.dtype} not supported by PrioritizedSampler")
        if self._device is not None and self._device.type != "cpu":
            raise ValueError(f"device: expected the CPU, got {self._device}")
        self._sum_tree = _Tree(SumTree(self._max_capacity, smallest=True))
        self._max_priority = None

    @property
    def _min_tree(self) -> _Smallest:
        return _Smallest(self._sum_tree.sums)

    @_min_tree.setter
    def _min_tree(self, tree: Any) -> None: ...

    def _tree_device_from_storage(self, storage: Any) -> None: ...

    @not_traced
    def sample(self, storage: Any, batch_size: int) -> tuple[Any, dict[str, Any]]:
        """Return indices drawn in proportion to their priorities, and their weights.

        Parameters
        ----------
        storage : Storage
        batch_size : int

        Returns
        -------
        index : Tensor of int64, shape (B,), or a tuple of them for a storage of more dimensions
        info : dict
            ``"priority_weight"``, shape (B,): ``(smallest priority / priority) ** beta``.

        Raises
        ------
        RuntimeError
            An empty storage; no priority above 0.
        """
        if (length := len(storage)) == 0:
            raise RuntimeError("Cannot sample from an empty storage.")
        rows = self._draw(batch_size)
        if rows.max(initial=0) >= length:
            self._sum_tree.sums[np.arange(length, self._max_capacity)] = 0.0
            rows = self._draw(batch_size)
        tree = self._sum_tree.sums
        weight = torch.from_numpy(tree.weigh(rows, self._beta, tree.smallest)).to(self.dtype)
        index: Any = torch.from_numpy(rows)
        if storage.ndim > 1:
            index = torch.unravel_index(index, storage.shape)
        return index, {"priority_weight": weight}

    def _draw(self, count: int) -> NDArray[np.int64]:
        tree = self._sum_tree.sums
        if not (total := tree.total) > 0:
            raise RuntimeError("non-positive p_sum")
        if self._rng is None:
            return tree.find(np.random.uniform(0.0, total, count))  # noqa: NPY002
        return tree.find(torch.rand(count, generator=self._rng).double().numpy() * total)

    @not_traced
    def update_priority(self, index: Any, priority: Any, *, storage: Any = None) -> None:
        """Set the priorities of rows, as the base class does.

        Parameters
        ----------
        index : int or Tensor of int64, shape (B,) or (B, ndim)
            What is negative is passed over.
        priority : float or Tensor of shape (B,)
            Their size counts: ``(|priority| + eps) ** alpha``.
        storage : Storage, optional
            Needed for indices of more dimensions.

        Raises
        ------
        ValueError
            A priority that is not finite, a row beyond the capacity; nothing was set.
        RuntimeError
            Another number of priorities than of rows.
        """
        largest = self._max_priority
        try:
            if self._max_priority_within_buffer or not self._prioritize(index, priority):
                super().update_priority(index, priority, storage=storage)
        except ValueError:
            self._max_priority = largest  # which the base class sets first of all
            raise

    def _prioritize(self, index: Any, priority: Any) -> bool:
        """Set priorities of which only the largest value is tracked; False: none was set."""
        try:
            rows = np.array([index]) if type(index) is int else index.numpy()
            values = np.asarray(torch.as_tensor(priority).detach().numpy(), np.float32).reshape(-1)
            if rows.ndim > 1:  # places of several dimensions
                return False
            if len(values) == 1:
                values = values.repeat(rows.size)
            self._sum_tree.sums.prioritize(rows, values, self._alpha, self._eps)
            at = values.argmax()
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return False  # on a device, of another kind, in part not to be set: the base class says
        largest, _ = self._max_priority
        if largest is None or values[at] > float(largest):
            self._max_priority = (torch.tensor(values[at]), torch.tensor(rows.reshape(-1)[at]))
        return True

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned, here or of TorchRL's own sampler."""
        super().load_state_dict(state_dict)
        if not isinstance(self._sum_tree, _Tree):
            stored, self._sum_tree = (
                self._sum_tree,
                _Tree(SumTree(len(self._sum_tree), smallest=True)),
            )
            places = torch.arange(len(stored))
            self._sum_tree[places] = stored[places]


@contextmanager
def _without_a_word_on_compiled_trees() -> Iterator[None]:
    """That TorchRL's own do not load, which the base class logs, is of no concern here."""
    was_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was_disabled
