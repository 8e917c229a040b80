"""Folders as runs leave them, with tables of the caller's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Rows = Iterable[Sequence[float]]


def write_run(
    folder: Path,
    *,
    env: str | None = "CartPole-v1",
    algo: str = "dqn",
    seed: int = 0,
    evaluations: Rows | None = None,
    episodes: Rows | None = None,
    ended: str | None = "steps",
    threads: int = 1,
    **agent: Any,
) -> Path:
    """Evaluations are (step, mean return), episodes (step, return)."""
    folder.mkdir(parents=True, exist_ok=True)
    training = {"steps": 100, "seed": seed, "threads": threads}
    config = {"algo": algo, "env": env, "agent": agent, "training": training}
    (folder / "config.json").write_text(json.dumps(config))
    if evaluations is not None:
        lines = [f"{step},10,{value},1.5" for step, value in evaluations]
        write(folder / "evaluations.csv", "step,episodes,mean_return,std_return", lines)
    if episodes is not None:
        lines = [f"{step},7,{value}" for step, value in episodes]
        write(folder / "episodes.csv", "step,length,return", lines)
    if ended is not None:
        (folder / "result.json").write_text(json.dumps({"ended": ended}))
    return folder


def write(path: Path, header: str, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in [header, *lines]))


def write_sweep(
    folder: Path, seeds: int, env: str = "CartPole-v1", algo: str = "dqn"
) -> np.ndarray:
    """A run a seed, all evaluated at 10, 20, 30; the values are returned, (seeds, 3)."""
    values = np.random.default_rng(seeds).normal(size=(seeds, 3)).round(3)
    for seed, row in enumerate(values):
        pairs = zip((10, 20, 30), row, strict=True)
        write_run(folder / f"seed{seed}", env=env, algo=algo, seed=seed, evaluations=pairs)
    return values
