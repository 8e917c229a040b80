"""``sharpwave sweep``: the same run for several seeds, and what they show together."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sharpwave.cli.errors import UsageError, usage_errors
from sharpwave.cli.train import add_settings, chosen


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "sweep",
        help="train over several seeds",
        description="Train once for each seed, each in a process of its own. Started again, it does "
        "what is left.",
    )
    option = parser.add_argument
    option("env", help="Gymnasium id of the environment, e.g. CartPole-v1")
    option("--out", type=Path, required=True, metavar="DIR", help="folder of the runs' folders")
    option("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N-1 (default: 5)")
    option("--jobs", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    add_settings(parser)
    parser.set_defaults(command=_sweep)


def _sweep(arguments: argparse.Namespace) -> None:
    with usage_errors():
        from sharpwave.agents.checks import integer
        from sharpwave.training.sweep import sweep

        seeds = range(integer("--seeds", arguments.seeds, at_least=1))
        jobs = integer("--jobs", arguments.jobs, at_least=1)
    returns = []
    runs = sweep(arguments.env, seeds, arguments.out, words=_words(arguments), jobs=jobs)
    for seed, folder, status in runs:
        if status:
            raise UsageError(f"seed {seed} failed: {_last_line(folder / 'log.txt')}")
        mean_return = json.loads((folder / "result.json").read_text())["mean_return"]
        print(f"seed {seed}: mean return {mean_return}", file=sys.stderr)
        returns.append(mean_return)
    if None not in returns:
        print(_together(returns))


def _words(arguments: argparse.Namespace) -> list[str]:
    words = [f"--set={word}" for word in arguments.set]
    for name in ("algo", "steps", "num_envs"):
        if getattr(arguments, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    return words + [f"--set={name}={value}" for name, value in chosen(arguments).items()]


def _together(returns: list[float]) -> str:
    import numpy as np

    from sharpwave.training.statistics import bootstrap, iqm

    values = np.array(returns)
    if len(values) < 2:
        return f"mean {values.mean():.2f}, 1 seed"
    low, high = bootstrap(values)
    return (
        f"mean {values.mean():.2f}, interquartile mean {iqm(values):.2f}, "
        f"95 % interval {low:.2f} to {high:.2f}, {len(values)} seeds"
    )


def _last_line(log: Path) -> str:
    lines = log.read_text().splitlines()
    return lines[-1] if lines else "it said nothing"
