"""cpprb's PrioritizedReplayBuffer, and the function that makes either buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpwave.compat.cpprb.buffer import ReplayBuffer
from sharpwave.compat.cpprb.storage import Array, Rows
from sharpwave.sum_tree import SumTree

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class PrioritizedReplayBuffer(ReplayBuffer):
    """Transitions sampled in proportion to their priorities: cpprb's class of this name.

    Parameters
    ----------
    size, env_dict, Nstep, **kwargs
        As for :class:`ReplayBuffer`.
    alpha : float, default 0.6
    eps : float, default 1e-4
        A transition of TD error p is drawn in proportion to ``(|p| + eps) ** alpha``.
    check_for_update : bool, default False
        Whether :meth:`update_priorities` ignores rows that were written again since
        :meth:`sample` was last called.

    Examples
    --------
    >>> from sharpwave.compat.cpprb import PrioritizedReplayBuffer
    >>> buffer = PrioritizedReplayBuffer(1000, {"obs": {"shape": 3}, "rew": {}, "done": {}})
    >>> buffer.add(obs=[[1, 2, 3], [4, 5, 6]], rew=[0.5, 0.25], done=[0, 1])
    0
    >>> batch = buffer.sample(32, beta=0.4)
    >>> buffer.update_priorities(batch["indexes"], abs(batch["rew"]))
    >>> buffer.get_max_priority()
    1.0
    """

    def __init__(
        self,
        size: int,
        env_dict: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        alpha: float = 0.6,
        Nstep: Mapping[str, Any] | None = None,  # noqa: N803
        eps: float = 1e-4,
        check_for_update: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(size, env_dict, Nstep=Nstep, **kwargs)
        self._alpha, self._eps = float(alpha), float(eps)
        self._tree = SumTree(self._size, smallest=True)
        self._samples = 0
        # how many samples there had been when a row was written
        self._written = np.full(self._size, -1) if check_for_update else None
        self._forget_priorities()

    def _forget_priorities(self) -> None:
        self._tree.clear()
        self._max_priority = 1.0
        # the same, as the tree holds it
        self._top = float(np.float32((1.0 + self._eps) ** self._alpha))

    def add(self, *, priorities: ArrayLike | None = None, **kwargs: ArrayLike) -> int | None:
        """Add one transition, or several in order of time.

        Parameters
        ----------
        priorities : array-like, optional
            The TD error of each; by default the largest there has been, at first 1.
        **kwargs
            As for :meth:`ReplayBuffer.add`.

        Returns
        -------
        int or None
            The first row that was written; None where all wait for their n-step windows.

        Raises
        ------
        KeyError
            A key without a value. Nothing was added.
        ValueError
            As for :meth:`ReplayBuffer.add`, or priorities that are not finite or not as many.
        """
        values = self._values(kwargs)
        given = None if priorities is None else np.asarray(priorities, np.float32).ravel()
        if given is not None and len(given) != len(values[0]):
            raise ValueError("`priorities` shape is incompatible")
        if given is not None and not np.isfinite(given).all():
            raise ValueError("priorities: expected finite numbers; nothing was added")
        if self._windows is None:
            return self._append(values, given)
        if given is None:
            given = np.full(len(values[0]), self._max_priority, np.float32)
        return self._push([*values, given])

    def _append(self, values: Sequence[Array], priorities: Array | None = None) -> int:
        if len(values) > len(self._inputs):  # out of windows
            *values, priorities = values
        first, count = self._next, len(values[0])
        rows = np.arange(first, first + count)
        if first + count > self._size:
            rows %= self._size
        if priorities is None:
            self._tree[rows] = self._top
        else:
            self._prioritize(rows, priorities)
        if self._written is not None:
            self._written[rows] = self._samples
        return super()._append(values)

    def _prioritize(self, rows: Rows, priorities: Array) -> None:
        _, top = self._tree.prioritize(rows, priorities, self._alpha, self._eps)
        if top >= self._top:  # seldom
            self._top = top
            self._max_priority = max(self._max_priority, float(np.abs(priorities).max()))

    def sample(self, batch_size: int, beta: float = 0.4) -> dict[str, Array]:
        """Return transitions drawn with replacement, in proportion to their priorities.

        Parameters
        ----------
        batch_size : int
        beta : float, default 0.4
            The exponent of the weights.

        Returns
        -------
        dict of str to ndarray
            As from :meth:`ReplayBuffer.sample`; ``weights``, float32 of shape (batch_size,), 1 for
            the least likely transition of the buffer; and ``indexes``, uint64, their rows.

        Raises
        ------
        ValueError
            An empty buffer.
        """
        tree = self._tree
        rows = tree.draw(batch_size)
        batch = self._take(rows)
        batch["weights"] = tree.weigh(rows, beta, tree.smallest)
        batch["indexes"] = rows.view(np.uint64)
        self._samples += 1
        return batch

    def update_priorities(self, indexes: ArrayLike, priorities: ArrayLike | None) -> None:
        """Set the TD errors of rows.

        Parameters
        ----------
        indexes : array-like of int
            Rows, as sampled. Of equal ones the last one counts.
        priorities : array-like of float
            The TD error of each.

        Raises
        ------
        TypeError
            One of them is None.
        ValueError
            A row that was not written, or priorities that are not finite or not as many. Nothing
            was changed.
        """
        if priorities is None:  # which NumPy takes for NaN
            raise TypeError("priorities: expected numbers, got None")
        rows = np.asarray(indexes, np.int64)
        given = np.asarray(priorities, np.float32)
        if self._stored < self._size and (rows >= self._stored).any():
            raise ValueError(f"indexes: expected rows below {self._stored}, got {rows.max()}")
        if self._written is not None:
            is_same = self._written[rows] < self._samples
            rows, given = rows[is_same], given.reshape(rows.shape)[is_same]
        if rows.size:
            self._prioritize(rows, given)

    def get_max_priority(self) -> float:
        """Return the largest TD error there has been, at first 1."""
        return self._max_priority

    def clear(self) -> None:
        """Forget every transition and every priority."""
        super().clear()
        self._forget_priorities()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_tree": self._tree[np.arange(self._stored)]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._tree = SumTree(self._size, smallest=True)
        self._tree[np.arange(self._stored)] = state["_tree"]


def create_buffer(
    size: int,
    env_dict: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    prioritized: bool = False,
    **kwargs: Any,
) -> ReplayBuffer:
    """Make a buffer, prioritized or not, as cpprb's function of this name.

    Parameters
    ----------
    size, env_dict, **kwargs
        As for the buffer.
    prioritized : bool, default False

    Returns
    -------
    ReplayBuffer or PrioritizedReplayBuffer

    Examples
    --------
    >>> from sharpwave.compat.cpprb import create_buffer
    >>> type(create_buffer(10, {"obs": {}}, prioritized=True)).__name__
    'PrioritizedReplayBuffer'
    """
    made = PrioritizedReplayBuffer if prioritized else ReplayBuffer
    return made(size, env_dict, **kwargs)
