"""Settings that every agent with a replay buffer has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from sharpwave.agents import checks

Check = Callable[[str, Any], Any]

BACKENDS = ("auto", "torch", "native")
"""What takes the gradient steps: torch, C++ for plain networks on the CPU, or the faster of them."""

count = partial(checks.integer, at_least=1)
share = partial(checks.number, at_least=0, at_most=1)
positive = partial(checks.number, above=0)
not_negative = partial(checks.number, at_least=0)


def optional(check: Check) -> Check:
    """The same check, or None."""
    return lambda name, value: value if value is None else check(name, value)


def usable(name: str, value: Any) -> str:
    """A device that this torch can use, or what is wrong."""
    import torch

    try:
        torch.empty(0, device=value)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"{name}: expected one that this torch can use, e.g. cpu or cuda, got {value!r}"
        ) from error
    return str(value)


@dataclass(frozen=True)
class OffPolicyConfig:
    """What is stored, what is drawn, and when. Steps are transitions, of all environments together."""

    gamma: float = 0.99
    """discount of the future"""
    batch_size: int = 64
    """transitions in a gradient step"""
    buffer_size: int = 50_000
    """transitions the buffer holds"""
    learning_starts: int = 1_000
    """steps before the first gradient step"""
    train_freq: int = 1
    """steps between rounds of gradient steps"""
    gradient_steps: int = 1
    """gradient steps in a round"""
    n_step: int = 1
    """rewards summed before a target bootstraps"""
    prioritized: bool = False
    """draw transitions by their last TD error (Schaul et al. 2016), else all alike"""
    priority_alpha: float = 0.6
    """how much the TD error matters: 0 draws all alike"""
    priority_beta: float = 0.4
    """how much of the bias is corrected at the first step; all of it at the last"""
    device: str = "cpu"
    """where the networks live; for small ones the CPU is the fastest"""
    compile: bool = False
    """compile the gradient step with torch.compile: slow to start, then faster"""

    checks: ClassVar[Mapping[str, Check]] = {
        "gamma": share,
        "batch_size": count,
        "buffer_size": count,
        "learning_starts": count,
        "train_freq": count,
        "gradient_steps": count,
        "n_step": count,
        "prioritized": checks.flag,
        "priority_alpha": share,
        "priority_beta": share,
        "device": usable,
        "compile": checks.flag,
    }

    def __post_init__(self) -> None:
        for name, check in self.checks.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
