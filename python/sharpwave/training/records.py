"""What a run leaves behind as it goes: a line for every finished episode and every evaluation.

- episodes.csv: step,length,return
- evaluations.csv: step,episodes,mean_return,std_return

A run that is continued cuts both at the step it goes on from, so no line is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

EPISODES, EVALUATIONS = "episodes.csv", "evaluations.csv"
HEADS = {EPISODES: "step,length,return", EVALUATIONS: "step,episodes,mean_return,std_return"}


class Records:
    """Writes both files into a folder, or nothing where there is none."""

    def __init__(self, folder: Path | None, done: int = 0) -> None:
        self._folder = folder
        for name, head in HEADS.items():
            self._begin(name, head, done)

    def write(self, name: str, rows: Iterable[tuple[float, ...]]) -> None:
        """Add lines to a file; they are in it when this returns."""
        if self._folder is None:
            return
        with (self._folder / name).open("a") as file:
            file.writelines(",".join(map(_number, row)) + "\n" for row in rows)

    def _begin(self, name: str, head: str, done: int) -> None:
        if self._folder is None:
            return
        path = self._folder / name
        lines = path.read_text().splitlines()[1:] if done and path.exists() else []
        kept = [line for line in lines if _is_whole(line, head) and _step(line) <= done]
        made = path.with_name(name + ".tmp")
        made.write_text("\n".join([head, *kept]) + "\n")
        made.replace(path)


def _is_whole(line: str, head: str) -> bool:
    # A process that was killed may have written a part of its last line.
    return line.count(",") == head.count(",")


def _step(line: str) -> int:
    return int(line.partition(",")[0])


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
