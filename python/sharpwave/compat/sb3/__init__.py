"""Stable-Baselines3 2.9: its replay buffers by their own names, over sharpwave's tables.

``DQN(..., replay_buffer_class=ReplayBuffer)`` with the class of this package is the whole change.
"""

from __future__ import annotations

from sharpwave.compat._versions import require

require("stable-baselines3", "2.9", "sb3")

from sharpwave.compat.sb3.agents import PrioritizedDQN, PrioritizedSAC, PrioritizedTD3  # noqa: E402
from sharpwave.compat.sb3.buffers import (  # noqa: E402
    DictReplayBuffer,
    NStepReplayBuffer,
    ReplayBuffer,
)
from sharpwave.compat.sb3.her import HerReplayBuffer  # noqa: E402
from sharpwave.compat.sb3.prioritized import (  # noqa: E402
    PrioritizedReplayBuffer,
    PrioritizedReplayBufferSamples,
)

__all__ = [
    "DictReplayBuffer",
    "HerReplayBuffer",
    "NStepReplayBuffer",
    "PrioritizedDQN",
    "PrioritizedQRDQN",
    "PrioritizedReplayBuffer",
    "PrioritizedReplayBufferSamples",
    "PrioritizedSAC",
    "PrioritizedTD3",
    "ReplayBuffer",
]


def __getattr__(name: str) -> type:
    if name != "PrioritizedQRDQN":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sharpwave.compat.sb3.qrdqn import PrioritizedQRDQN  # needs sb3-contrib

    return PrioritizedQRDQN
