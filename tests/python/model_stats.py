"""What statistics mean: written row by row, from a model and the chances of its rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from model import PlainBuffer

Chances = Mapping[int, float]  # of each stored row to be drawn, in proportion


def counts(model: PlainBuffer) -> dict[str, int]:
    rows = [row for kept in model.kept for row in kept]
    episodes = {(env, row.episode) for env, kept in enumerate(model.kept) for row in kept}
    return {
        "capacity": model.rows_each * model.num_envs,
        "stored": len(rows),
        "added": sum(model.added),
        "evicted": sum(model.added) - len(rows),
        "episodes": len(episodes),
    }


def ages(model: PlainBuffer, chances: Chances) -> dict[int, float]:
    """Age to its chance: how many rows the environment has added since."""
    total = sum(chances.values())
    found: dict[int, float] = {}
    for index, chance in chances.items():
        age = model.added[index % model.num_envs] - 1 - index // model.num_envs
        found[age] = found.get(age, 0.0) + chance / total
    return {age: chance for age, chance in sorted(found.items()) if chance > 0}


def decades(priorities: Chances) -> dict[int, int]:
    found: dict[int, int] = {}
    for p in priorities.values():
        if p > 0:
            k = next(k for k in range(38, -46, -1) if np.float32(p) >= np.float32(10.0**k))
            found[k] = found.get(k, 0) + 1
    return found


def effective_rows(priorities: Chances) -> float:
    squares = sum(p * p for p in priorities.values())
    return sum(priorities.values()) ** 2 / squares if squares else 0.0
