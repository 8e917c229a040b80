"""Whole DQN training, as a part of ``python -m bench``: `bench.learn`'s first task, few seeds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench import learn
from bench.learners.tasks import TASKS

KIND = "training"
TASK = "cartpole-dqn"


def measured(quick: bool, cleanrl: Path | None) -> dict[str, Any]:
    """The task's result: three seeds, or one that is shorter."""
    steps, seeds = (15_000, 1) if quick else (None, 3)
    options = argparse.Namespace(steps=steps, seeds=seeds, cleanrl=cleanrl)
    contenders = [name for name in TASKS[TASK].contenders if name != "compiled"]
    return learn.run(TASK, options, contenders)
