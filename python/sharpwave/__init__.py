"""Exact, composable and fast replay buffers in C++, with Q-learning agents in PyTorch.

Importing this package needs NumPy only; ``sharpwave.agents`` and ``sharpwave.training`` are loaded
when they are first used and need ``pip install "sharpwave[train]"``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sharpwave import td
from sharpwave.batch import Batch
from sharpwave.build_info import __version__, build_config
from sharpwave.diagnosis import Diagnosis, Finding
from sharpwave.doctor import diagnose
from sharpwave.errors import CheckpointError
from sharpwave.field import Field
from sharpwave.hindsight import Hindsight
from sharpwave.limiter import SamplesPerInsert
from sharpwave.mix import Mix
from sharpwave.replay_buffer import ReplayBuffer
from sharpwave.samplers import (
    Prioritized,
    RankPrioritized,
    Recency,
    Reservoir,
    Uniform,
    WithoutReplacement,
)
from sharpwave.stats import Stats

if TYPE_CHECKING:
    from sharpwave import agents, training

__all__ = [
    "Batch",
    "CheckpointError",
    "Diagnosis",
    "Field",
    "Finding",
    "Hindsight",
    "Mix",
    "Prioritized",
    "RankPrioritized",
    "Recency",
    "ReplayBuffer",
    "Reservoir",
    "SamplesPerInsert",
    "Stats",
    "Uniform",
    "WithoutReplacement",
    "__version__",
    "agents",
    "build_config",
    "diagnose",
    "td",
    "training",
]

_LAZY = ("agents", "training")

for _public in (
    *(Batch, CheckpointError, Field, Hindsight, Mix, ReplayBuffer, Stats, build_config),
    *(Diagnosis, Finding, SamplesPerInsert, diagnose),
    *(Prioritized, RankPrioritized, Recency, Reservoir, Uniform, WithoutReplacement),
):
    _public.__module__ = __name__
del _public


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"sharpwave.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
