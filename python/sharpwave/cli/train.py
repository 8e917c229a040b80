"""``sharpwave train``: one run, from its beginning or from where it stopped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from sharpwave.cli.errors import UsageError, usage_errors

ALGORITHMS = ("dqn", "rainbow", "r2d2", "ddpg", "td3", "sac", "q-learning")


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "train",
        help="train an agent",
        description="Train an agent. Ctrl-C ends the run early and saves all of it.",
    )
    parser.add_argument("env", nargs="?", help="Gymnasium id of the environment, e.g. CartPole-v1")
    add_settings(parser)
    option = parser.add_argument
    option("--seed", type=int, metavar="S", help="seed of everything (default: 0)")
    option("--out", type=Path, metavar="DIR", help=_OUT)
    option("--resume", type=Path, metavar="DIR", help=_RESUME)
    option("--progress", action=argparse.BooleanOptionalAction, help=_PROGRESS)
    parser.set_defaults(command=_train)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how an agent is trained."""
    option = parser.add_argument
    option("--algo", choices=ALGORITHMS, help=_ALGO)
    option("--steps", type=int, metavar="N", help="environment steps at most")
    option("--num-envs", type=int, metavar="N", help="environments side by side (default: 1)")
    option("--data", metavar="NAME", help=_DATA)
    option("--offline", action="store_true", help="learn from the data alone")
    option("--compile", action="store_true", help="compile the gradient step: slow to start")
    option("--set", action="append", default=[], metavar="name=value", help=_SET)


_ALGO = "the algorithm (default: the preset's, else dqn or sac as the actions are)"
_DATA = "offline data: a Minari dataset's id, or a folder that ReplayBuffer.save() wrote"
_OUT = "folder for config, model, result and TensorBoard events; an earlier run there is replaced"
_RESUME = "go on with the run in this folder, bit for bit as if it had never stopped"
_SET = "any other setting, e.g. learning_rate=1e-3 or hidden=64,64; an unknown name lists all"
_PROGRESS = "draw a progress bar (default: when stderr is a terminal)"


def _train(arguments: argparse.Namespace) -> None:
    with usage_errors():
        trainer = _continued(arguments) if arguments.resume else _fresh(arguments)
    result = trainer.run()
    if result.mean_return is not None and result.std_return is not None:
        print(judgement(result.mean_return, result.std_return, result.episodes))
    speed = f"{result.steps} steps in {result.seconds:.1f} s, {result.steps_per_second:.0f} steps/s"
    print(f"{speed}; {_ENDS[result.ended]}")
    if not result.updates:
        print("nothing was learned: learning_starts lies beyond the last step", file=sys.stderr)


def _fresh(arguments: argparse.Namespace) -> Any:
    if arguments.env is None:
        raise UsageError("expected an environment to train in, or --resume DIR")
    from sharpwave.training import Trainer
    from sharpwave.training.config import TrainConfig, parse_settings
    from sharpwave.training.presets import choose, configs

    algorithm, settings = choose(arguments.env, arguments.algo)
    settings |= parse_settings(arguments.set, algorithm.config, TrainConfig)
    for name in ("steps", "seed", "num_envs"):
        if getattr(arguments, name) is not None:
            settings[name] = getattr(arguments, name)
    settings |= chosen(arguments)
    agent, run = configs(algorithm, settings)
    return Trainer(arguments.env, agent, run, out=arguments.out, progress=arguments.progress)


def chosen(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that options of their own stand for."""
    settings: dict[str, Any] = {"compile": True} if arguments.compile else {}
    if arguments.data is not None:
        settings["data"] = arguments.data
    if arguments.offline:
        if arguments.data is None:
            raise UsageError("--offline learns from the data alone: expected --data NAME with it")
        settings["data_share"] = 1.0
    return settings


def _continued(arguments: argparse.Namespace) -> Any:
    from sharpwave.training import continued

    given = [
        name for name in ("env", "algo", "seed", "out", "num_envs") if getattr(arguments, name)
    ]
    if given or arguments.set or chosen(arguments):
        raise UsageError(
            "--resume goes on with the settings that the run has: only --steps may be with it"
        )
    return continued(arguments.resume, steps=arguments.steps, progress=arguments.progress)


_ENDS = {
    "steps": "all steps taken",
    "solved": "ended early, the return to reach is reached",
    "interrupted": "interrupted",
}


def judgement(mean: float, std: float, episodes: int) -> str:
    """Say how good an agent is."""
    return f"mean return {mean:.2f} ± {std:.2f} over {episodes} episodes"
