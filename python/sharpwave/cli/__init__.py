"""The command line: ``sharpwave train``, ``eval``, ``watch``, ``plot``, ``sweep`` and ``doctor``.

What the user got wrong is one line on stderr and exit status 2. A run that Ctrl-C or SIGTERM ended
early has saved everything, and succeeds.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sharpwave import __version__
from sharpwave.cli import buffers, look, many, train
from sharpwave.cli.errors import UsageError


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
        130 when a second Ctrl-C cut short what the first had asked for; 141 when whoever read the
        output, as ``head`` does, had seen enough.

    Examples
    --------
    >>> from sharpwave.cli import main
    >>> main(["train", "CartPole-v1", "--steps", "500", "--set", "wings=2"])
    2
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
        sys.stdout.flush()
    except UsageError as error:
        print(f"sharpwave: error: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"sharpwave: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # or Python flushes once more when it ends, and complains
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sharpwave",
        description="Train and evaluate Q-learning agents, and look after replay buffers.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for add in (train.add, look.add_eval, look.add_watch, look.add_plot, many.add, buffers.add):
        add(commands)
    return parser
