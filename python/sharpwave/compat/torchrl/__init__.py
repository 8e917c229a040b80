"""TorchRL 0.14: a storage, a prioritized sampler and replay buffers over sharpwave's tables.

``ReplayBuffer(storage=SharpwaveStorage(...))`` with the classes of this package in place of
TorchRL's is the whole change.
"""

from __future__ import annotations

from sharpwave.compat._versions import require

require("torchrl", "0.14", "torchrl")

from sharpwave.compat.torchrl.buffers import ReplayBuffer, TensorDictReplayBuffer  # noqa: E402
from sharpwave.compat.torchrl.sampler import PrioritizedSampler  # noqa: E402
from sharpwave.compat.torchrl.storage import SharpwaveStorage  # noqa: E402

__all__ = ["PrioritizedSampler", "ReplayBuffer", "SharpwaveStorage", "TensorDictReplayBuffer"]
