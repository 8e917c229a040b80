"""A buffer that episodes reach when they have ended."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tianshou.data.buffer import cached

from sharpwave.compat.tianshou.buffer import ReplayBuffer
from sharpwave.compat.tianshou.manager import ReplayBufferManager


class CachedReplayBuffer(cached.CachedReplayBuffer, ReplayBufferManager):
    """Tianshou's ``CachedReplayBuffer``: a main buffer, and one for each running episode.

    Parameters
    ----------
    main_buffer : ReplayBuffer
    cached_buffer_num : int
        How many episodes run at a time.
    max_episode_length : int
    """

    def __init__(
        self, main_buffer: ReplayBuffer, cached_buffer_num: int, max_episode_length: int
    ) -> None:
        assert cached_buffer_num > 0
        assert max_episode_length > 0
        options = main_buffer.options
        running = [ReplayBuffer(max_episode_length, **options) for _ in range(cached_buffer_num)]
        ReplayBufferManager.__init__(self, [main_buffer, *running])
        self.cached_buffer_num = cached_buffer_num

    @property
    def main_buffer(self) -> Any:
        return self.buffers[0]

    @property
    def cached_buffers(self) -> NDArray[np.object_]:
        return self.buffers[1:]
