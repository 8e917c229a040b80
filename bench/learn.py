"""Training speed, end to end, with the returns beside it: ``python -m bench.learn --cleanrl CHECKOUT``.

Runs sharpwave, CleanRL's ``dqn.py`` and Stable-Baselines3's DQN on CartPole-v1 with CleanRL's settings, one at a
time, seed after seed, each seed in a new order. Prints a table and writes ``bench/results/learn-….json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from bench import machine
from bench.learners import ENV, LEARNERS
from bench.rounds import ONE_THREAD, ROOT, shuffled
from bench.tables import ratios

LABELS = {"sharpwave": "sharpwave", "cleanrl": "CleanRL dqn.py", "sb3": "Stable-Baselines3 DQN"}
RESULTS = Path(__file__).with_name("results")


def one(name: str, steps: int, seed: int, cleanrl: Path | None) -> dict[str, float] | None:
    """A run in a process of its own; None where the contender cannot run here."""
    command = [
        sys.executable,
        "-m",
        "bench.learners",
        name,
        "--steps",
        str(steps),
        "--seed",
        str(seed),
    ]
    command += ["--cleanrl", str(cleanrl.resolve())] if cleanrl else []
    start, before = time.perf_counter(), processor_time()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        return None
    outcome: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    busy = (processor_time() - before) / (time.perf_counter() - start)
    outcome["waited"] = round(max(0, 1 - busy), 2)
    print(f"{name}, seed {seed}: {outcome}", file=sys.stderr)
    return outcome


def processor_time() -> float:
    """Of all runs so far, in seconds."""
    return sum(os.times()[2:4])


def run(options: argparse.Namespace) -> dict[str, Any]:
    names = [name for name in LEARNERS if name != "cleanrl" or options.cleanrl]
    skipped = {name: "no --cleanrl CHECKOUT" for name in LEARNERS if name not in names}
    result: dict[str, Any] = {
        "date": machine.now(),
        "machine": machine.describe(),
        "env": ENV,
        "steps": options.steps,
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for seed in range(1, options.seeds + 1):
        for name in shuffled([name for name in names if name not in skipped]):
            outcome = one(name, options.steps, seed, options.cleanrl)
            if outcome is None:
                skipped[name] = f"failed at seed {seed}"
            else:
                runs[name].append(outcome)
    result["versions"] = {
        name: version(name) for name in ("torch", "gymnasium", "stable-baselines3")
    }
    result["runs"] = {name: done for name, done in runs.items() if name not in skipped}
    return result | {"skipped": skipped}


def interval(values: list[float]) -> str:
    """Mean and the half-width of its 95 % interval (normal).

    >>> interval([100.0, 120.0, 110.0])
    '110 ± 11'
    """
    half = 1.96 * stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{mean(values):.0f} ± {half:.0f}"


def table(result: dict[str, Any]) -> str:
    """Speed, our ratio to each, and mean greedy return."""
    speeds = {
        name: [run["steps_per_second"] for run in runs] for name, runs in result["runs"].items()
    }
    lines = [
        "| | steps a second | sharpwave is | greedy return, mean ± 95 % |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, speed in speeds.items():
        # seed by seed: the two sides ran one after the other
        ratio = f"{ratios(speeds['sharpwave'], speed):.1f}×" if "sharpwave" in speeds else "–"
        returns = interval([run["mean_return"] for run in result["runs"][name]])
        between = f"({min(speed):,.0f}–{max(speed):,.0f})"
        lines.append(f"| {LABELS[name]} | {median(speed):,.0f} {between} | {ratio} | {returns} |")
    waited = [run["waited"] for runs in result["runs"].values() for run in runs]
    lines.append(
        f"\nThe runs waited for a processor for {median(waited):.0%} of their time (median)."
    )
    skipped = ", ".join(f"{name} ({why})" for name, why in result["skipped"].items())
    return "\n".join(lines + ([f"\nSkipped: {skipped}."] if skipped else []))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.learn", description=__doc__)
    parser.add_argument("--cleanrl", type=Path, help="a checkout of github.com/vwxyzjn/cleanrl")
    parser.add_argument(
        "--steps", type=int, default=50_000, help="environment steps a run (default %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="runs of each (default %(default)s)")
    options = parser.parse_args()
    result = run(options)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"learn-{result['date'][:10]}-{machine.slug(result['machine'])}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))
    print(f"\nwritten to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
