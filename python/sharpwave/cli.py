"""The command line: ``sharpwave train``, ``sharpwave eval`` and ``sharpwave doctor``.

What the user got wrong is one line on stderr and exit status 2. A run that Ctrl-C or SIGTERM ended
early has saved its model, and succeeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sharpwave import Hindsight, ReplayBuffer, __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The words after the command's name; None takes those of the process.

    Returns
    -------
    int
        The exit status: 0; 1 when training diverged; 2 when something asked for cannot be done;
        130 when a second Ctrl-C cut short what the first had asked for.

    Examples
    --------
    >>> from sharpwave.cli import main
    >>> main(["train", "CartPole-v1", "--steps", "500", "--set", "wings=2"])
    2
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except _UsageError as error:
        print(f"sharpwave: error: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"sharpwave: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class _UsageError(Exception):
    """Its text is all that the user sees."""


def _train(arguments: argparse.Namespace) -> None:
    with _usage_errors():
        from sharpwave.training import Trainer

        agent, run = _configs(arguments)
        trainer = Trainer(arguments.env, agent, run, out=arguments.out, progress=arguments.progress)
    result = trainer.run()
    if result.mean_return is not None and result.std_return is not None:
        print(_judgement(result.mean_return, result.std_return, result.episodes))
    speed = f"{result.steps} steps in {result.seconds:.1f} s, {result.steps_per_second:.0f} steps/s"
    print(f"{speed}; {_ENDS[result.ended]}")
    if not result.updates:
        print("nothing was learned: learning_starts lies beyond the last step", file=sys.stderr)


def _evaluate(arguments: argparse.Namespace) -> None:
    with _usage_errors():
        from sharpwave.agents.checks import integer
        from sharpwave.training import evaluate, load_agent, load_config
        from sharpwave.training.environments import make

        episodes = integer("--episodes", arguments.episodes, at_least=1)
        seed = integer("--seed", arguments.seed, at_least=0)
        agent = load_agent(arguments.folder)
        env = make(load_config(arguments.folder)["env"])
    returns = evaluate(agent, env, episodes, seed=seed)
    print(_judgement(float(returns.mean()), float(returns.std()), episodes))


def _doctor(arguments: argparse.Namespace) -> None:
    from sharpwave.build_info import machine

    found = "" if arguments.folder is None else _looked_at(arguments.folder)
    for name, value in machine().items():
        print(f"{name:<12}{value}")
    if found:
        print(found)


def _looked_at(folder: Path) -> str:
    from sharpwave import diagnose
    from sharpwave.checkpoint import read

    with _usage_errors():
        settings = read(folder)[0]
        # Rows are looked at as they were added, so its reward function is never called.
        hindsight = Hindsight(reward=lambda *_: 0.0) if settings.get("hindsight") else None
        buffer = ReplayBuffer.load(folder, hindsight=hindsight)
    return f"\n{buffer}\n\n{buffer.stats()}\n\n{diagnose(buffer)}"


def _configs(arguments: argparse.Namespace) -> tuple[Any, Any]:
    from sharpwave.agents import DQNConfig
    from sharpwave.training.config import TrainConfig, parse_settings, pick

    settings = parse_settings(arguments.set, DQNConfig, TrainConfig)
    for name in ("steps", "seed", "num_envs"):
        if getattr(arguments, name) is not None:
            settings[name] = getattr(arguments, name)
    return DQNConfig(**pick(settings, DQNConfig)), TrainConfig(**pick(settings, TrainConfig))


_ENDS = {
    "steps": "all steps taken",
    "solved": "ended early, the environment's reward threshold is reached",
    "interrupted": "interrupted",
}


def _judgement(mean: float, std: float, episodes: int) -> str:
    return f"mean return {mean:.2f} ± {std:.2f} over {episodes} episodes"


@contextmanager
def _usage_errors() -> Iterator[None]:
    # Only around the making of things: an error in a run is a defect, and shows its traceback.
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name in _EXTRAS:
            raise _UsageError(f'{error.name} is missing: pip install "sharpwave[train]"') from error
        raise _UsageError(_one_line(error)) from error
    except (ValueError, MemoryError, OSError) as error:
        raise _UsageError(_one_line(error)) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "gymnasium":
            raise
        raise _UsageError(_one_line(error)) from error


_EXTRAS = ("torch", "gymnasium", "tensorboard", "tqdm")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sharpwave",
        description="Train and evaluate Q-learning agents, and look after replay buffers.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_train(commands)
    _add_eval(commands)
    _add_doctor(commands)
    return parser


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train an agent",
        description="Train an agent. Ctrl-C ends the run early and saves the model.",
    )
    add = parser.add_argument
    add("env", help="Gymnasium id of the environment, e.g. CartPole-v1")
    add("--algo", choices=["dqn"], default="dqn", help="the algorithm (default: dqn)")
    add("--steps", type=int, metavar="N", help="environment steps at most (default: 50000)")
    add("--seed", type=int, metavar="S", help="seed of everything (default: 0)")
    add("--num-envs", type=int, metavar="N", help="environments side by side (default: 1)")
    add("--out", type=Path, metavar="DIR", help=_OUT)
    add("--set", action="append", default=[], metavar="name=value", help=_SET)
    add("--progress", action=argparse.BooleanOptionalAction, help=_PROGRESS)
    parser.set_defaults(command=_train)


_OUT = "folder for config, model, result and TensorBoard events; an earlier run there is replaced"
_SET = "any other setting, e.g. learning_rate=1e-3 or hidden=64,64; an unknown name lists all"
_PROGRESS = "draw a progress bar (default: when stderr is a terminal)"


def _add_eval(commands: Any) -> None:
    parser = commands.add_parser(
        "eval",
        help="evaluate a trained agent",
        description="Evaluate the agent of a run on whole episodes, acting greedily.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="what was given to train --out")
    add("--episodes", type=int, default=100, metavar="N", help="how many (default: 100)")
    add("--seed", type=int, default=0, metavar="S", help="of the first episode (default: 0)")
    parser.set_defaults(command=_evaluate)


def _add_doctor(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="describe this installation, and look for mistakes in a saved buffer",
        description="Describe the build, the kernels in use and the machine, for bug reports; with "
        "a saved buffer, what is in it and what looks wrong.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="DIR", help="what ReplayBuffer.save() wrote"
    )
    parser.set_defaults(command=_doctor)


if __name__ == "__main__":
    raise SystemExit(main())
