"""Finds the folders of runs, and reads what they say: settings, and returns over steps.

What is in a folder, `checkpoint` and `records` say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sharpwave.training.checkpoint import CONFIG, RESULT, load_config
from sharpwave.training.records import EPISODES, EVALUATIONS

Series = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Run:
    """A run on disk."""

    folder: Path
    env: str
    """the environment's id"""
    algo: str
    seed: int
    settings: Mapping[str, Any]
    """of the agent and of the training, the seed apart"""
    solved: bool
    """whether it ended before its time because the environment was solved"""

    def evaluations(self) -> Series:
        """Steps, and the mean return of the evaluation at each; both float64 of shape (N,)."""
        return _columns(self.folder / EVALUATIONS, "step", "mean_return")

    def episodes(self) -> Series:
        """Steps at which training episodes ended, and their returns; both float64 of shape (N,)."""
        return _columns(self.folder / EPISODES, "step", "return")


def find_runs(folders: Iterable[str | Path]) -> list[list[Run]]:
    """Return the runs in each folder: the folder itself, or all at any depth in it.

    A run that lies in several of the folders belongs to the first.

    Parameters
    ----------
    folders
        Folders of runs, or of folders of runs.

    Raises
    ------
    ValueError
        A folder without any run, or a config.json that is not a run's.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from sharpwave.training.runs import find_runs
    >>> for seed in (0, 1):
    ...     folder = Path("sweep", str(seed))
    ...     folder.mkdir(parents=True)
    ...     config = {"env": "CartPole-v1", "agent": {}, "training": {"seed": seed}}
    ...     _ = (folder / "config.json").write_text(json.dumps(config))
    >>> [[run.seed for run in runs] for runs in find_runs(["sweep/1", "sweep"])]
    [[1], [0]]
    """
    known: set[Path] = set()
    return [_runs_in(Path(folder), known) for folder in folders]


def _runs_in(folder: Path, known: set[Path]) -> list[Run]:
    found = sorted(path.parent for path in folder.rglob(CONFIG))
    if not found:
        raise ValueError(
            f"{folder}: expected a run's folder or one that holds some, "
            f"but there is no {CONFIG} in it"
        )
    fresh = [path for path in found if path.resolve() not in known]
    known.update(path.resolve() for path in fresh)
    return [_run(path) for path in fresh]


def _run(folder: Path) -> Run:
    config = load_config(folder)
    settings = {**config["agent"], **config.get("training", {})}
    result = folder / RESULT
    return Run(
        folder=folder,
        env=config["env"] or "an environment without an id",
        algo=config.get("algo", "dqn"),
        seed=settings.pop("seed", 0),
        settings=settings,
        solved=result.is_file() and json.loads(result.read_text()).get("ended") == "solved",
    )


def _columns(path: Path, x: str, y: str) -> Series:
    text = path.read_text() if path.is_file() else ""
    # A run that is going on may be in the middle of its last line.
    header, *lines = text[: text.rfind("\n") + 1].splitlines() or [f"{x},{y}"]
    names = header.split(",")
    if not {x, y} <= set(names):
        raise ValueError(f"{path}: expected a first line with {x} and {y}, got {header!r}")
    if not lines:
        return np.empty(0), np.empty(0)
    try:
        table = np.loadtxt(lines, delimiter=",", usecols=(names.index(x), names.index(y)), ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: expected numbers in each line; {error}") from error
    return table[:, 0], table[:, 1]
