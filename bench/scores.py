"""The scoreboard: what the presets reach, over seeds, beside what was published.

``python -m bench.scores`` makes ``bench/scores.md`` from ``bench/results/scores.json``. It can be stopped
and started again: runs that are done are kept, others go on from their checkpoint. ``--minutes`` ends it
early, ``--only`` picks tasks by a part of their name. Each run is a process of its own with one thread,
`--jobs` of them side by side (as many as cores).

What counts is the greedy return of the network that a run kept, on the episodes of its final evaluation,
whose seeds nothing was selected by. Stable-Baselines3's runs are made by ``bench/scores_sb3.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import machine
from bench.rounds import ONE_THREAD, ROOT
from bench.score_tasks import TASKS, Task
from sharpwave.training.checkpoint import CHECKPOINT
from sharpwave.training.statistics import bootstrap, iqm
from sharpwave.training.sweep import is_done

RESULTS = Path(__file__).with_name("results") / "scores.json"
PAGE = Path(__file__).with_name("scores.md")
HEAD = ["environment", "agent", "steps", "seeds", "mean", "interquartile mean", "95 % interval"]
HEAD += ["to reach", "published"]
KEPT = ("mean_return", "std_return", "episodes", "steps", "seconds")


class Job(NamedTuple):
    task: Task
    seed: int

    @property
    def name(self) -> str:
        return f"{self.task.name}/seed-{self.seed}"


def command(job: Job, folder: Path) -> list[str]:
    task = job.task
    if task.by == "sb3":
        words = ["-m", "bench.scores_sb3", task.env, task.algo, str(task.steps), str(job.seed)]
        return [sys.executable, *words, str(folder)]
    train = [sys.executable, "-m", "sharpwave.cli", "train"]
    if (folder / CHECKPOINT).exists():
        return [*train, "--resume", str(folder)]
    words = [task.env, "--algo", task.algo, "--seed", str(job.seed), "--out", str(folder)]
    words += ["--steps", str(task.steps)] if task.steps else []
    return [*train, *words, *(f"--set={name}={value}" for name, value in task.settings.items())]


def do(job: Job, runs: Path, until: float) -> dict[str, Any] | None:
    """Run a job to its end and return its row; None where there was no time left, or it failed."""
    folder = runs / job.name
    if not is_done(folder):
        if time.monotonic() > until:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                command(job, folder),
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD},
            )
            try:
                process.wait(timeout=max(until - time.monotonic(), 1))
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
    if not is_done(folder):
        print(f"{job.name}: not done", file=sys.stderr)
        return None
    result = json.loads((folder / "result.json").read_text())
    print(f"{job.name}: {result['mean_return']:.1f}", file=sys.stderr)
    return {"task": job.task.name, "seed": job.seed, **{name: result[name] for name in KEPT}}


def run(tasks: Iterable[Task], runs: Path, jobs: int, minutes: float) -> None:
    until = time.monotonic() + 60 * minutes
    todo = [Job(task, seed) for task in tasks for seed in range(task.seeds)]
    with ThreadPoolExecutor(jobs) as pool:
        for row in pool.map(lambda job: do(job, runs, until), todo):
            if row is not None:
                keep(row)


def keep(row: dict[str, Any]) -> None:
    """Write a run's row into the results, in place of an earlier one."""
    found = load()
    key = (row["task"], row["seed"])
    rows = [r for r in found["runs"] if (r["task"], r["seed"]) != key] + [row]
    rows.sort(key=lambda r: (r["task"], r["seed"]))
    found |= {"date": machine.now(), "machine": machine.describe(), "runs": rows}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def load() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": []}


def table(found: dict[str, Any]) -> str:
    """The scoreboard as Markdown, tasks without a run left out."""
    lines = [
        f"| {' | '.join(HEAD)} |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for task in TASKS:
        rows = [r for r in found["runs"] if r["task"] == task.name]
        if rows:
            lines.append(line(task, rows))
    return "\n".join(lines)


def line(task: Task, rows: list[dict[str, Any]]) -> str:
    returns = np.array([row["mean_return"] for row in rows])
    steps = int(max(row["steps"] for row in rows))
    between = "–"
    if len(returns) > 1:
        low, high = bootstrap(returns)
        between = f"{float(low):.4g} to {float(high):.4g}"
    label = task.algo if task.by == "sharpwave" else f"{task.algo}, Stable-Baselines3"
    cells = [task.env, label, f"{steps:,}", f"{len(rows)} of {task.seeds}"]
    cells += [f"{returns.mean():.4g}", f"{float(iqm(returns)):.4g}", between]
    return "| " + " | ".join([*cells, task.bar, task.published]) + " |"


INTRO = """# The scoreboard

What `sharpwave train ENV` reaches with the preset of each environment (`python/sharpwave/training/presets`),
made by `python -m bench.scores`: {date}, {machine}. A score is the mean greedy return of the network that
a run kept, on episodes whose seeds nothing was selected by (20 to 1,000 of them). Every seed that was run is
in it; tasks that were not run yet are left out. Intervals are bootstrap percentiles of the interquartile mean over seeds; below four seeds this is
the mean. Steps are the most that a run took: some end as soon as the return to reach is reached.

"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scores", description=__doc__)
    option = parser.add_argument
    option("--runs", type=Path, default=ROOT / "runs" / "scores", help="folder of the runs")
    option("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    option("--minutes", type=float, default=300, help="to stop after (default: %(default)s)")
    option("--only", action="append", help="tasks whose name has this in it")
    options = parser.parse_args()
    chosen = [t for t in TASKS if not options.only or any(w in t.name for w in options.only)]
    run(chosen, options.runs, options.jobs, options.minutes)
    found = load()
    where = f"{found['machine']['cpu']}, {found['machine']['cpus']} cores"
    PAGE.write_text(INTRO.format(date=found["date"][:10], machine=where) + table(found) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
