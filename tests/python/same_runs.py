"""Whether two runs are the same, and a way to stop one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch

from sharpwave.training import Trainer
from sharpwave.training.checkpoint import load_checkpoint


def everything(folder: Path) -> dict[str, torch.Tensor]:
    """All numbers of a run's last checkpoint, and what its buffer gives next."""
    _, state, buffers = load_checkpoint(folder)
    state = {k: v for k, v in state.items() if k != "seconds"}
    state["selection"] = {k: v for k, v in state["selection"].items() if k != "seconds"}
    batches = {name: buffer.sample(64).torch() for name, buffer in buffers.items()}
    columns = ("obs", "index", "reward")
    return flat({**state, **{n: {c: b[c] for c in columns} for n, b in batches.items()}})


def flat(nest, name="") -> dict[str, torch.Tensor]:
    if isinstance(nest, dict):
        return {
            k: v for key, child in nest.items() for k, v in flat(child, f"{name}.{key}").items()
        }
    if isinstance(nest, (list, tuple)):
        return flat(dict(enumerate(nest)), name)
    return {name: nest}


def assert_same(a: Path, b: Path) -> None:
    first, second = everything(a), everything(b)
    assert first.keys() == second.keys()
    different = [
        name
        for name, value in first.items()
        if not (
            torch.equal(value, second[name])
            if isinstance(value, torch.Tensor)
            else value == second[name]
        )
    ]
    assert different == []
    for name in ("episodes.csv", "evaluations.csv"):
        assert (a / name).read_text() == (b / name).read_text()


def stop_at(trainer: Trainer, step: int) -> None:
    """Ask for the end as Ctrl-C does, at a step."""
    collect = trainer._collector.step

    def collecting(at: int) -> int:
        stored = collect(at)
        if at + stored >= step:
            os.kill(os.getpid(), signal.SIGTERM)
        return stored

    trainer._collector.step = collecting
