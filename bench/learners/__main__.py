"""One run in a process of its own: ``python -m bench.learners TASK CONTENDER --seed S``; JSON out.

A contender that is not installed answers ``{"missing": why}``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
from pathlib import Path

from gymnasium.error import DependencyNotInstalled

from bench.learners.clock import Clock
from bench.learners.run import Run, timed_run
from bench.learners.tasks import TASKS

# Module and function of each.
CONTENDERS = {
    "sharpwave": ("sharpwave", "learn"),
    "compiled": ("sharpwave", "compiled"),
    "cleanrl": ("cleanrl", "learn"),
    "sb3": ("sb3", "learn"),
    "tianshou": ("tianshou", "learn"),
}


def run(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    import torch

    torch.set_num_threads(1)
    task = TASKS[options.task]
    task = task._replace(steps=options.steps or task.steps)
    module, function = CONTENDERS[options.contender]
    learn = getattr(importlib.import_module(f"bench.learners.{module}"), function)
    clock = Clock(task.starts, task.steps)
    return timed_run(learn, Run(task, options.seed, clock, folder, options.cleanrl))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.learners", description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--steps", type=int, help="environment steps (default: the task's)")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cleanrl", type=Path, help="a checkout of github.com/vwxyzjn/cleanrl")
    options = parser.parse_args()
    options.cleanrl = options.cleanrl and options.cleanrl.resolve()
    with tempfile.TemporaryDirectory() as folder:
        # Logs, MuJoCo's warnings and compiled code all end up here; code is compiled anew in each run.
        os.chdir(folder)
        tempfile.tempdir = os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        try:
            outcome: dict[str, float | str] = {**run(options, Path(folder))}
        except (ImportError, DependencyNotInstalled) as error:
            outcome = {"missing": str(error)}
        os.chdir("/")
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
