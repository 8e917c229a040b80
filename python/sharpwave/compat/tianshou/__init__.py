"""Tianshou 2.0: its buffers by their own names, over sharpwave's tables.

Every class is a subclass of Tianshou's of the same name and keeps its books. What changes is where
the rows lie, and how they are drawn, read and written. What is unusual, such as values that are
objects or keys that come late, goes Tianshou's own way over the same memory.
"""

from __future__ import annotations

from sharpwave.compat._versions import require

require("tianshou", "2.0", "tianshou")

from sharpwave.compat.tianshou.buffer import ReplayBuffer  # noqa: E402
from sharpwave.compat.tianshou.cached import CachedReplayBuffer  # noqa: E402
from sharpwave.compat.tianshou.hindsight import (  # noqa: E402
    HERReplayBuffer,
    HERReplayBufferManager,
    HERVectorReplayBuffer,
)
from sharpwave.compat.tianshou.manager import ReplayBufferManager, VectorReplayBuffer  # noqa: E402
from sharpwave.compat.tianshou.prioritized import (  # noqa: E402
    PrioritizedReplayBuffer,
    PrioritizedReplayBufferManager,
    PrioritizedVectorReplayBuffer,
)

__all__ = [
    "CachedReplayBuffer",
    "HERReplayBuffer",
    "HERReplayBufferManager",
    "HERVectorReplayBuffer",
    "PrioritizedReplayBuffer",
    "PrioritizedReplayBufferManager",
    "PrioritizedVectorReplayBuffer",
    "ReplayBuffer",
    "ReplayBufferManager",
    "VectorReplayBuffer",
]
