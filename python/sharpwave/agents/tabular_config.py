"""Settings of tabular Q-learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sharpwave.agents import checks
from sharpwave.agents.config import Check, optional, share


@dataclass(frozen=True)
class QLearningConfig:
    """Settings of tabular Q-learning. Steps are transitions."""

    learning_rate: float = 0.1
    """share of the TD error by which a value moves"""
    learning_rate_end: float | None = None
    """the share at the last step, met in a straight line; None keeps it constant"""
    gamma: float = 0.99
    """discount of the future"""
    epsilon_start: float = 1.0
    """chance of a random action at the first step"""
    epsilon_end: float = 0.05
    """chance of a random action once exploration has ended"""
    exploration_fraction: float = 0.5
    """share of all steps over which the chance of a random action falls"""
    initial_value: float = 0.0
    """of every action in every state; more than can be earned makes untried actions attractive"""

    checks: ClassVar[Mapping[str, Check]] = {
        "learning_rate": partial(checks.number, above=0, at_most=1),
        "learning_rate_end": optional(share),
        "gamma": share,
        "epsilon_start": share,
        "epsilon_end": share,
        "exploration_fraction": share,
        "initial_value": checks.number,
    }

    def __post_init__(self) -> None:
        for name, check in self.checks.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
