"""Training speed, end to end, with the returns beside it: ``python -m bench.learn [TASK ...] --cleanrl CHECKOUT``.

Trains sharpwave and its peers on the tasks of ``bench/learners/tasks.py`` with the same settings, one run at a time,
seed after seed, each seed in a new order. Prints a table for each task and writes ``bench/results/learn-….json``;
tasks that are in that file already are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from bench import machine
from bench.learners.tasks import TASKS
from bench.rounds import ONE_THREAD, ROOT, shuffled
from bench.tables import NONE, ratios

LABELS = {
    "sharpwave": "sharpwave",
    "compiled": "sharpwave --compile",
    "cleanrl": "CleanRL",
    "sb3": "Stable-Baselines3",
    "tianshou": "Tianshou",
}
OURS = ("sharpwave", "compiled")
SPEEDS = ("steps_per_second", "learning_steps_per_second")
PACKAGES = ("sharpwave", "torch", "numpy", "gymnasium", "mujoco", "stable-baselines3", "tianshou")
RESULTS = Path(__file__).with_name("results")

Outcome = dict[str, Any]


def one(task: str, name: str, seed: int, options: argparse.Namespace) -> Outcome:
    """A run in a process of its own; ``{"missing": why}`` where the contender cannot run here."""
    command = [sys.executable, "-m", "bench.learners", task, name, "--seed", str(seed)]
    command += ["--steps", str(options.steps)] if options.steps else []
    command += ["--cleanrl", str(options.cleanrl.resolve())] if options.cleanrl else []
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        return {"missing": f"failed at seed {seed}"}
    outcome: Outcome = json.loads(done.stdout.splitlines()[-1])
    print(f"{task}, {name}, seed {seed}: {outcome}", file=sys.stderr)
    return outcome


def run(
    task: str, options: argparse.Namespace, contenders: Sequence[str] | None = None
) -> dict[str, Any]:
    """All runs of a task; a contender that fails once is skipped from then on."""
    skipped: dict[str, str] = {}
    runs: dict[str, list[Outcome]] = {name: [] for name in contenders or TASKS[task].contenders}
    result = {
        "date": machine.now(),
        "machine": machine.describe(),
        "versions": versions(),
        "env": TASKS[task].env,
        "steps": options.steps or TASKS[task].steps,
    }
    for seed in range(1, options.seeds + 1):
        for name in shuffled(list(runs)):
            outcome = one(task, name, seed, options)
            if "missing" in outcome:
                skipped[name] = outcome["missing"]
                del runs[name]
            else:
                runs[name].append(outcome)
    return result | {"runs": runs, "skipped": skipped}


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def interval(values: Sequence[float]) -> str:
    """Mean and the half-width of its 95 % interval (normal); of a single run, what it is.

    >>> interval([100.0, 120.0, 110.0]), interval([100.0])
    ('110 ± 11', '100')
    """
    if len(values) == 1:
        return f"{values[0]:.0f}"
    half = 1.96 * stdev(values) / len(values) ** 0.5
    return f"{mean(values):.0f} ± {half:.0f}"


def spread(values: Sequence[float]) -> str:
    """Median, least and greatest.

    >>> spread([2100.0, 1900.0, 1950.0])
    '1,950 (1,900–2,100)'
    """
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def table(task: str, result: dict[str, Any]) -> str:
    """Speeds, how many times each of the others' ours are, warm-up and returns, of a task."""
    runs: dict[str, list[Outcome]] = result["runs"]
    ours = [name for name in OURS if name in runs]
    heads = [f"{task}, {result['steps']:,} steps", "steps a second", "with learning"]
    heads += [f"{LABELS[name]} is" for name in ours]
    heads += ["warm-up, s", "greedy return, mean ± 95 %"]
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1)]
    for name, outcomes in runs.items():
        speeds = [spread(column(outcomes, speed)) for speed in SPEEDS]
        factors = [compared(runs[own], outcomes) for own in ours]
        last = [warm_up(outcomes), interval(column(outcomes, "mean_return"))]
        lines.append([LABELS[name], *speeds, *factors, *last])
    waited = [share for outcomes in runs.values() for share in column(outcomes, "waited")]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if waited:
        text += f"\n\nThe runs waited for a processor for {median(waited):.0%} of their time (median), {max(waited):.0%} at most."
    skipped = ", ".join(f"{LABELS[name]} ({why})" for name, why in result["skipped"].items())
    return text + (f"\n\nSkipped: {skipped}." if skipped else "")


def column(outcomes: Sequence[Outcome], name: str) -> list[float]:
    return [outcome[name] for outcome in outcomes]


def compared(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> str:
    """Our speed over theirs, of the whole run and with learning."""
    # seed by seed: the two sides ran one after the other
    factors = [ratios(column(ours, speed), column(theirs, speed)) for speed in SPEEDS]
    return " / ".join(f"{factor:.1f}×" for factor in factors)


def warm_up(outcomes: Sequence[Outcome]) -> str:
    seconds = [outcome["warm_up_seconds"] for outcome in outcomes if "warm_up_seconds" in outcome]
    return f"{median(seconds):.1f}" if seconds else NONE


def write(path: Path, task: str, result: dict[str, Any]) -> None:
    """Put a task's result into a file, beside those of other tasks."""
    found = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**found, task: result}, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.learn", description=__doc__)
    option = parser.add_argument
    option("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)} (default: all)")
    option("--cleanrl", type=Path, help="a checkout of github.com/vwxyzjn/cleanrl")
    option("--steps", type=int, help="environment steps a run (default: each task's own)")
    option("--seeds", type=int, default=5, help="runs of each (default: %(default)s)")
    option("--out", type=Path, default=RESULTS, help="folder of the JSON (default: bench/results)")
    options = parser.parse_args()
    for task in options.tasks:
        if task not in TASKS:
            parser.error(f"no such task: {task}; there are {', '.join(TASKS)}")
    return options


def main() -> None:
    options = arguments()
    about = machine.describe()
    path = options.out / f"learn-{machine.now()[:10]}-{machine.slug(about)}.json"
    for task in options.tasks or TASKS:
        result = run(task, options)
        write(path, task, result)
        print(table(task, result), end="\n\n", flush=True)
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
