"""cpprb's buffers, over sharpwave's columns and its sum tree. cpprb itself is not needed.

Signatures, keys, shapes, dtypes and files are those of cpprb 11.
"""

from sharpwave.compat.cpprb.buffer import ReplayBuffer
from sharpwave.compat.cpprb.prioritized import PrioritizedReplayBuffer, create_buffer

__all__ = ["PrioritizedReplayBuffer", "ReplayBuffer", "create_buffer"]
