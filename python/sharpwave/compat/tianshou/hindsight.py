"""Buffers that relabel goals, where the rows lie and as Tianshou does it."""

from __future__ import annotations

from typing import Any

from tianshou.data.buffer import her, manager, vecbuf

from sharpwave.compat.tianshou.buffer import ReplayBuffer
from sharpwave.compat.tianshou.manager import ReplayBufferManager, parts_of


class HERReplayBuffer(her.HERReplayBuffer, ReplayBuffer):
    """Tianshou's ``HERReplayBuffer``.

    Other Parameters
    ----------------
    size : int
    compute_reward_fn : callable
        Rewards of shape ``(n,)`` for achieved and desired goals of shape ``(n, ...)``.
    horizon : int
        The most steps of an episode.
    future_k : float, default 8
        Episodes with another goal for each one with its own.
    **options : any
        Those of :class:`ReplayBuffer`.
    """


class HERReplayBufferManager(manager.HERReplayBufferManager, ReplayBufferManager):
    """Tianshou's ``HERReplayBufferManager``: each part draws and relabels its own rows.

    Parameters
    ----------
    buffer_list : list of HERReplayBuffer
        Empty ones of the same options.
    """

    sample_indices = manager.ReplayBufferManager.sample_indices

    def __getstate__(self) -> dict[str, Any]:
        self._restore_cache()
        return super().__getstate__()


class HERVectorReplayBuffer(HERReplayBufferManager, vecbuf.HERVectorReplayBuffer):
    """Tianshou's ``HERVectorReplayBuffer``.

    Parameters
    ----------
    total_size, buffer_num : int
        As of :class:`VectorReplayBuffer`.
    **options
        Those of :class:`HERReplayBuffer`.
    """

    def __init__(self, total_size: int, buffer_num: int, **options: Any) -> None:
        parts = parts_of(HERReplayBuffer, total_size, buffer_num, options)
        manager.HERReplayBufferManager.__init__(self, parts)
