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
    """Both results in one; what was measured twice is what was measured last, unless it was by fewer.

    Ratios are of one run: an operation's rounds are all of one of the two.

    >>> one = {"machine": {"cpu": "a", "load": 1}, "parts": [1], "contenders": {"x": {"missing": "y"}}, "timings": {"add": {"x": 1}}, "memory": {}}
    >>> two = {"machine": {"cpu": "a", "load": 2}, "parts": [2], "contenders": {"x": {"label": "X"}}, "timings": {"add": {"x": 2}}, "memory": {}}
    >>> merged(one, two)["timings"], merged(one, two)["parts"], merged(two, one)["contenders"]
    ({'add': {'x': 2}}, [1, 2], {'x': {'label': 'X'}})
    """
    here, there = ({**r["machine"], "load": 0} for r in (old, added))
    if here != there:
        raise ValueError(f"expected the machine of the file, {here}; this one is {there}")
    fewer = {
        name
        for name, rounds in added["timings"].items()
        if rounds.keys() < old["timings"].get(name, {}).keys()
    }
    present = {name: about for name, about in added["contenders"].items() if "missing" not in about}
    return {
        **old,
        **added,
        "parts": old["parts"] + added["parts"],
        "contenders": added["contenders"] | old["contenders"] | present,
        "timings": old["timings"] | {n: r for n, r in added["timings"].items() if n not in fewer},
        "memory": old["memory"]
        | {s: old["memory"].get(s, {}) | m for s, m in added["memory"].items()},
    }


def read(path: Path) -> Result:
    found: Result = json.loads(path.read_text())
    return found


def write(path: Path, result: Result) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")


def path_for(result: Result) -> Path:
    return FOLDER / f"{result['date'][:10]}-{machine.slug(result['machine'])}.json"
