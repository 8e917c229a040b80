"""Batch: what sample() returns."""

from __future__ import annotations

from collections.abc import KeysView
from typing import TYPE_CHECKING, Any

from sharpwave import _core
from sharpwave._nest import map_leaves
from sharpwave.pinned import send

if TYPE_CHECKING:
    import torch


class Batch:
    """Columns of sampled transitions, by attribute and by name.

    Attributes
    ----------
    obs, next_obs : ndarray of shape (B, *field), or dicts and tuples of them
        What the step began with, and its true successor.
    action : ndarray of shape (B, *field), or dicts and tuples of them
    reward : ndarray of float32, shape (B,)
    terminated, truncated : ndarray of bool, shape (B,)
    discount : ndarray of float32, shape (B,)
        ``gamma * (1 - terminated)``: a target is ``reward + discount * max Q(next_obs)``.
    index : ndarray of int64, shape (B,)
        The transition's name: how many its environment had stored before it, times ``num_envs``,
        plus the environment. It is never given to another transition.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     100, observation_space=sw.Field((2,)), action_space=sw.Field((), "int64"), seed=0
    ... )
    >>> buffer.add([0.0, 1.0], 1, 0.5, [2.0, 3.0], False, False)
    >>> batch = buffer.sample(3)
    >>> batch.reward is batch["reward"]
    True
    >>> sorted(batch.keys())[:4]
    ['action', 'discount', 'index', 'next_obs']
    """

    obs: Any
    action: Any
    reward: Any
    next_obs: Any
    terminated: Any
    truncated: Any
    discount: Any
    index: Any

    def __init__(self, columns: dict[str, Any]) -> None:
        self.__dict__ = columns

    def __getitem__(self, name: str) -> Any:
        try:
            return self.__dict__[name]
        except KeyError:
            known = ", ".join(self.__dict__)
            raise KeyError(f"{name!r} is not a column of this batch; those are {known}") from None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the extra fields

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __len__(self) -> int:
        return len(self.index)

    def keys(self) -> KeysView[str]:
        """Return the columns' names; ``dict(batch)`` works too."""
        return self.__dict__.keys()

    def torch(self, device: torch.device | str | None = None) -> Batch:
        """Return the same batch with tensors in place of arrays.

        Parameters
        ----------
        device : torch.device or str, optional
            Where the tensors shall be. On the CPU, the default, they share the batch's memory. To a
            CUDA device they are copied through pinned memory, and the call does not wait for the
            transfer: work queued on the current stream comes after it, and the batch may be
            filled again at once.

        Examples
        --------
        >>> import sharpwave as sw
        >>> buffer = sw.ReplayBuffer(
        ...     100, observation_space=sw.Field((2,)), action_space=sw.Field((), "int64"), seed=0
        ... )
        >>> buffer.add([0.0, 1.0], 1, 0.5, [2.0, 3.0], False, False)
        >>> buffer.sample(3).torch().reward
        tensor([0.5000, 0.5000, 0.5000])
        """
        return Batch(as_tensors(self.__dict__, device))

    def __repr__(self) -> str:
        columns = ", ".join(f"{name}={_summary(value)}" for name, value in self.__dict__.items())
        return f"Batch({columns})"


def _summary(nest: Any) -> Any:
    return map_leaves(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", nest)


def as_tensors(columns: dict[str, Any], device: torch.device | str | None = None) -> dict[str, Any]:
    """Return arrays, or dicts and tuples of them, as tensors; see :meth:`Batch.torch`."""
    import torch

    tensors: dict[str, Any] | None = _core.tensors(columns, torch.Tensor)
    if tensors is None:
        tensors = map_leaves(torch.from_numpy, columns)
    if device is None:
        return tensors
    target = torch.device(device)
    if target.type == "cuda":
        return send(tensors, target)
    moved: dict[str, Any] = map_leaves(lambda tensor: tensor.to(target), tensors)
    return moved
