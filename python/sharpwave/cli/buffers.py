"""``sharpwave doctor``: this installation, and a saved buffer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sharpwave import Hindsight, ReplayBuffer
from sharpwave.cli.errors import usage_errors


def add(commands: Any) -> None:
    """Add the command to a parser."""
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

    with usage_errors():
        settings = read(folder)[0]
        # Rows are looked at as they were added, so its reward function is never called.
        hindsight = Hindsight(reward=lambda *_: 0.0) if settings.get("hindsight") else None
        buffer = ReplayBuffer.load(folder, hindsight=hindsight)
    return f"\n{buffer}\n\n{buffer.stats()}\n\n{diagnose(buffer)}"
