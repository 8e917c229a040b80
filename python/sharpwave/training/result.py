"""What came of a run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from sharpwave.agents import Agent

Ended = Literal["steps", "solved", "interrupted"]


@dataclass(frozen=True)
class Result:
    """The outcome of a run, written to result.json but for the agent."""

    mean_return: float | None
    """of the greedy episodes below; None when there were none"""
    std_return: float | None
    """their standard deviation"""
    episodes: int
    """behind mean_return"""
    steps: int
    """environment steps taken in training"""
    seconds: float
    """spent on training, evaluations not counted"""
    steps_per_second: float
    """steps / seconds"""
    evaluation_seconds: float
    """spent on evaluations"""
    updates: int
    """gradient steps taken"""
    training_episodes: int
    """episodes finished in training"""
    model_step: int
    """the step that the kept network comes from"""
    ended: Ended
    """why: all steps taken, reward_threshold reached, or Ctrl-C or SIGTERM"""
    agent: Agent = field(repr=False)
    """with the kept network; to act with"""

    def as_dict(self) -> dict[str, Any]:
        """All but the agent, for JSON."""
        return {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "agent"
        }
