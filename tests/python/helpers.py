"""A buffer whose rows say in every field which transition they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from model import map_tree

import sharpwave as sw

SCALAR = sw.Field((), "float32")
NUMBER = sw.Field((), "int64")


def numbered_buffer(capacity: int, **options: Any) -> sw.ReplayBuffer:
    """Observations and actions are single numbers."""
    return sw.ReplayBuffer(capacity, observation_space=SCALAR, action_space=NUMBER, **options)


def numbered(t: Any) -> dict[str, Any]:
    """Transition t, or with an array many: obs t, action 10 t, reward t / 2, successor t + 1."""
    t = np.asarray(t)
    return {
        "obs": t.astype("float32"),
        "action": 10 * t,
        "reward": t / 2,
        "next_obs": (t + 1).astype("float32"),
        "terminated": np.zeros(t.shape, bool),
        "truncated": np.zeros(t.shape, bool),
    }


def fill(buffer: sw.ReplayBuffer, times: Iterable[int]) -> None:
    for t in times:
        buffer.add(**numbered(t))


def draw_all(buffer: sw.ReplayBuffer) -> dict[int, dict[str, Any]]:
    """Every row that can be drawn, by index; one is missed with probability below 1e-12."""
    batch = buffer.sample(32 * len(buffer))
    columns = {name: batch[name] for name in batch.keys()}  # noqa: SIM118
    return {
        int(index): map_tree(lambda column, at=place: column[at], columns)
        for place, index in enumerate(columns["index"])
    }


def contents(buffer: sw.ReplayBuffer) -> list[float]:
    """The observations of a numbered buffer, oldest first."""
    rows = draw_all(buffer)
    return [float(rows[index]["obs"]) for index in sorted(rows)]


def chi_square_p(counts: np.ndarray, expected: np.ndarray) -> float:
    """The chance of counts so far from `expected` or farther (Wilson & Hilferty 1931)."""
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = counts.size - 1
    spread = 2 / (9 * freedom)
    z = ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2)) / 2
