"""One run for each of several seeds, each in a process and a folder of its own.

A sweep that is started again does what is left: runs that have a result are done, runs that have a
checkpoint are continued.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sharpwave.training.checkpoint import CHECKPOINT, RESULT

COMMAND = (sys.executable, "-m", "sharpwave.cli", "train")


def sweep(
    env: str, seeds: Sequence[int], out: Path, *, words: Sequence[str] = (), jobs: int = 1
) -> Iterator[tuple[int, Path, int]]:
    """Train ``env`` once for each seed, and yield each seed with its folder and exit status.

    Parameters
    ----------
    env
        Gymnasium id.
    seeds
        Of the runs.
    out
        Folder of the runs' folders, ``seed-0`` and so on.
    words
        Further words for ``sharpwave train``.
    jobs
        Runs at a time.
    """

    def one(seed: int) -> tuple[int, Path, int]:
        folder = out / f"seed-{seed}"
        if is_done(folder):
            return seed, folder, 0
        if (folder / CHECKPOINT).exists():
            command = [*COMMAND, "--resume", str(folder)]
        else:
            command = [*COMMAND, env, "--seed", str(seed), "--out", str(folder), *words]
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a") as log:
            done = subprocess.run(
                [*command, "--no-progress"], stdout=log, stderr=subprocess.STDOUT, check=False
            )
        return seed, folder, done.returncode

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, seeds)


def is_done(folder: Path) -> bool:
    """Whether the run in ``folder`` came to its own end."""
    path = folder / RESULT
    return path.exists() and json.loads(path.read_text())["ended"] != "interrupted"
