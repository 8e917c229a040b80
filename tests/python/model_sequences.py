"""Sequences: rows of one episode in a row, as `sample_sequences` gives them."""

from __future__ import annotations

import numpy as np
from model import Kept, PlainBuffer, Tree, map_tree


def rest_of_episode(model: PlainBuffer, index: int) -> list[Kept]:
    """The rows from this one to the last of its episode, or to the newest."""
    rows = model.after(index)
    return [row for row in rows if row.episode == rows[0].episode]


def starts(model: PlainBuffer, burn_in: int = 0, period: int = 1) -> set[int]:
    """Where a sequence may begin: every `period`-th row of an episode with enough behind it."""
    return {
        row.index
        for rows in model.kept
        for row in rows
        if row.position % period == 0 and len(rest_of_episode(model, row.index)) > burn_in
    }


def sequence(model: PlainBuffer, start: int, steps: int) -> dict[str, Tree]:
    """The columns of one sequence, with a leading axis of time; behind its end is nothing."""
    rows = [model.row(row.index) | {"mask": True} for row in rest_of_episode(model, start)[:steps]]
    nothing = map_tree(np.zeros_like, rows[0]) | {"index": np.int64(-1)}
    padded = rows + [nothing] * (steps - len(rows))
    return map_tree(lambda *values: np.stack(values), *padded)
