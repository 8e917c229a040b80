"""``sharpwave eval``, ``watch`` and ``plot``: what came of runs."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from sharpwave.cli.errors import usage_errors
from sharpwave.cli.train import judgement

FILMED = 3


def add_eval(commands: Any) -> None:
    """Add ``eval``."""
    parser = commands.add_parser(
        "eval",
        help="evaluate a trained agent",
        description="Evaluate the agent of a run on whole episodes, acting greedily.",
    )
    _add_episodes(parser, 100)
    parser.add_argument(
        "--video", type=Path, metavar="DIR", help=f"film the first {FILMED} episodes into DIR"
    )
    parser.set_defaults(command=_evaluate)


def add_watch(commands: Any) -> None:
    """Add ``watch``."""
    parser = commands.add_parser(
        "watch",
        help="watch a trained agent in the terminal",
        description="Play episodes of a run's agent, drawn in the terminal. Ctrl-C ends it.",
    )
    _add_episodes(parser, 1)
    parser.add_argument("--fps", type=float, metavar="N", help="frames a second at most")
    parser.set_defaults(command=_watch)


def add_plot(commands: Any) -> None:
    """Add ``plot``."""
    parser = commands.add_parser(
        "plot",
        help="draw the returns of runs",
        description="Draw returns over steps: interquartile means over seeds, with their 95 % "
        "bootstrap intervals.",
    )
    option = parser.add_argument
    option("folders", type=Path, nargs="+", metavar="DIR", help="runs, or folders of runs")
    option("-o", "--out", type=Path, default=Path("curves.png"), metavar="FILE", help=_FILE)
    option("--y", choices=("evaluation", "training"), default="evaluation", help=_RETURNS)
    option("--label", action="append", metavar="NAME", help="of each DIR, in their order")
    parser.set_defaults(command=_plot)


_FILE = "png, svg or pdf (default: curves.png)"
_RETURNS = "greedy evaluations (the default), or the episodes of training"


def _add_episodes(parser: argparse.ArgumentParser, default: int) -> None:
    option = parser.add_argument
    option("folder", type=Path, metavar="DIR", help="what was given to train --out")
    option("--episodes", type=int, default=default, metavar="N", help=f"default: {default}")
    option("--seed", type=int, default=0, metavar="S", help="of the first episode (default: 0)")


def _evaluate(arguments: argparse.Namespace) -> None:
    with usage_errors():
        from sharpwave.training import evaluate

        agent, make_env = _loaded(arguments)
        if arguments.video is not None:
            from sharpwave.training.video import record

            filmed = min(arguments.episodes, FILMED)
            for path in record(agent, make_env, arguments.video, filmed, arguments.seed):
                print(path)
    returns = evaluate(agent, make_env(), arguments.episodes, seed=arguments.seed)
    print(judgement(float(returns.mean()), float(returns.std()), arguments.episodes))


def _watch(arguments: argparse.Namespace) -> None:
    with usage_errors():
        from sharpwave.training.watch import watch

        agent, make_env = _loaded(arguments)
        watch(agent, make_env, arguments.episodes, arguments.seed, fps=arguments.fps)


def _plot(arguments: argparse.Namespace) -> None:
    with usage_errors():
        from sharpwave.training.plot import plot

        for curve in plot(arguments.folders, arguments.out, y=arguments.y, labels=arguments.label):
            print(curve)


def _loaded(arguments: argparse.Namespace) -> tuple[Any, Any]:
    from sharpwave.agents.checks import integer
    from sharpwave.training import load_agent, load_config
    from sharpwave.training.environments import make

    integer("--episodes", arguments.episodes, at_least=1)
    integer("--seed", arguments.seed, at_least=0)
    agent = load_agent(arguments.folder)
    return agent, partial(make, load_config(arguments.folder)["env"])
