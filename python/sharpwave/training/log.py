"""What a run shows: a progress bar on stderr, and TensorBoard's events in its folder."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

Exploration = Callable[[], Mapping[str, float]]
INSTALL = 'pip install "sharpwave[train]"'
SECONDS_BETWEEN_REDRAWS = 0.2
SIGNS = {"epsilon": "ε"}


class Log:
    """Both at once; each is left out where it is not wanted.

    Parameters
    ----------
    steps
        Length of the run.
    out
        Folder for TensorBoard's events, or None.
    progress
        Whether to draw the bar; None draws it when stderr is a terminal.
    done
        Steps taken before, where the run is continued.
    wandb
        Project of Weights & Biases, or None.
    """

    def __init__(
        self,
        steps: int,
        out: Path | None,
        progress: bool | None,
        done: int = 0,
        wandb: str | None = None,
    ) -> None:
        self._writer = _tensorboard(out, done) if out is not None else None
        self._wandb = _wandb(wandb, out) if wandb is not None else None
        self._bar = (
            _progress_bar(steps, done)
            if (sys.stderr.isatty() if progress is None else progress)
            else None
        )
        self._redraw_at = 0.0

    def step(self, step: int, recent_returns: Collection[float], exploration: Exploration) -> None:
        """Redraw the bar if it is time to."""
        if self._bar is not None and time.perf_counter() >= self._redraw_at:
            self._redraw_at = time.perf_counter() + SECONDS_BETWEEN_REDRAWS
            shown = {"return": f"{mean(recent_returns):.1f}"}
            shown |= {
                SIGNS.get(name, name): f"{value:.2f}" for name, value in exploration().items()
            }
            text = ", ".join(f"{name} {value}" for name, value in shown.items())
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(step - self._bar.n)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers to TensorBoard, and to Weights & Biases."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(dict(values), step=step)

    def note(self, step: int, text: str) -> None:
        """Say something on stderr and in TensorBoard."""
        print(f"sharpwave: step {step}: {text}", file=sys.stderr)
        if self._writer is not None:
            self._writer.add_text("notes", text, step)

    def close(self, step: int, recent_returns: Collection[float], exploration: Exploration) -> None:
        """Draw the bar a last time, and write all to disk."""
        self._redraw_at = 0.0
        self.step(step, recent_returns, exploration)
        if self._bar is not None:
            self._bar.close()
        if self._writer is not None:
            self._writer.close()
        if self._wandb is not None:
            self._wandb.finish()


def mean(values: Collection[float]) -> float:
    """The mean, or nan of nothing."""
    return sum(values) / len(values) if values else float("nan")


def _progress_bar(steps: int, done: int) -> Any:
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"the progress bar needs tqdm: {INSTALL}", name="tqdm") from error
    return tqdm(
        total=steps, initial=done, unit=" steps", file=sys.stderr, dynamic_ncols=True, mininterval=0
    )


def _tensorboard(out: Path, done: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a run's folder needs TensorBoard: {INSTALL}", name="tensorboard"
        ) from error
    # What an earlier run wrote beyond the step it is continued from is not shown.
    return SummaryWriter(str(out), purge_step=done + 1 if done else None)


def _wandb(project: str, out: Path | None) -> Any:
    try:
        module = importlib.import_module("wandb")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'wandb: expected the package wandb: pip install "sharpwave[wandb]"', name="wandb"
        ) from error
    # The run's folder names it, so that a run that is continued goes on there too.
    name = None if out is None else "-".join(out.resolve().parts[-3:])
    named = {} if name is None else {"name": name, "id": name, "resume": "allow"}
    return module.init(project=project, **named)
