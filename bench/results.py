"""Results files: what a run is told by, parts put together, the newest file of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench import machine

FOLDER = Path(__file__).with_name("results")

Result = dict[str, Any]


def new() -> Result:
    """A result without timings yet."""
    return {
        "date": machine.now(),
        "machine": machine.describe(),
        "build_config": build_config(),
        "parts": [],
        "contenders": {},
        "timings": {},
        "memory": {},
    }


def build_config() -> dict[str, Any] | None:
    """How the sharpwave under test was built."""
    try:
        import sharpwave
    except ModuleNotFoundError:
        return None
    return dict(sharpwave.build_config())


def merged(old: Result, added: Result) -> Result:
    """Both results in one; what was measured twice is what was measured last.

    >>> one = {"machine": {"cpu": "a", "load": 1}, "parts": [1], "contenders": {"x": {"missing": "y"}}, "timings": {"add": 1}, "memory": {}}
    >>> two = {"machine": {"cpu": "a", "load": 2}, "parts": [2], "contenders": {"x": {"label": "X"}}, "timings": {"add": 2}, "memory": {}}
    >>> merged(one, two)["timings"], merged(one, two)["parts"], merged(two, one)["contenders"]
    ({'add': 2}, [1, 2], {'x': {'label': 'X'}})
    """
    here, there = ({**r["machine"], "load": 0} for r in (old, added))
    if here != there:
        raise ValueError(f"expected the machine of the file, {here}; this one is {there}")
    present = {name: about for name, about in added["contenders"].items() if "missing" not in about}
    return {
        **old,
        **added,
        "parts": old["parts"] + added["parts"],
        "contenders": added["contenders"] | old["contenders"] | present,
        "timings": old["timings"] | added["timings"],
        "memory": old["memory"] | added["memory"],
    }


def read(path: Path) -> Result:
    found: Result = json.loads(path.read_text())
    return found


def write(path: Path, result: Result) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")


def path_for(result: Result) -> Path:
    return FOLDER / f"{result['date'][:10]}-{machine.slug(result['machine'])}.json"
