"""What a hyperparameter may be: each check returns it as a plain value, or says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def integer(name: str, value: object, *, at_least: int) -> int:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= at_least:
        return int(value)
    raise ValueError(f"{name}: expected an integer of at least {at_least}, got {value!r}")


def number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float = -1e300,
    at_most: float = 1e300,
) -> float:
    """A finite number within bounds; `above` is a lower bound that is itself excluded."""
    low = at_least if above is None else above
    if (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and low <= value <= at_most
        and value != above
    ):
        return float(value)
    raise ValueError(f"{name}: expected {_range(above, at_least, at_most)}, got {value!r}")


def flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{name}: expected True or False, got {value!r}")


def choice(name: str, value: object, choices: Iterable[str]) -> str:
    known = list(choices)
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def sizes(name: str, value: object) -> tuple[int, ...]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(integer(name, size, at_least=1) for size in value)
    raise ValueError(f"{name}: expected layer sizes such as (256, 128), got {value!r}")


def _range(above: float | None, at_least: float, at_most: float) -> str:
    words = []
    if above is not None:
        words.append(f"above {above:g}")
    elif at_least > -1e300:
        words.append(f"of at least {at_least:g}")
    if at_most < 1e300:
        words.append(f"at most {at_most:g}")
    return " ".join(["a finite number", " and ".join(words)]).strip()
