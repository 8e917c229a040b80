"""Train an agent in an environment, watch it, keep the best of it, and judge it."""

from __future__ import annotations

from sharpwave.training.checkpoint import load_agent, load_config
from sharpwave.training.config import TrainConfig
from sharpwave.training.evaluate import evaluate
from sharpwave.training.loop import Trainer, continued, resume, train
from sharpwave.training.presets import preset
from sharpwave.training.result import Result

__all__ = [
    "Result",
    "TrainConfig",
    "Trainer",
    "continued",
    "evaluate",
    "load_agent",
    "load_config",
    "preset",
    "resume",
    "train",
]
