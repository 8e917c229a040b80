"""Buffers as a release saved them: `python tests/python/golden.py` writes this version's, once.

Beside each saved buffer stand its rows by index, as arrays, so that what is expected does not come
from the code that is judged.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from test_save_load import feed, leaves, made

import sharpwave as sw

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NAMES = ("prioritized", "epochs", "stack", "halves")
DRAWN = ("index", "weight", "probability")  # of the draw, not of the row


def rows_of(buffer: sw.ReplayBuffer, draws: int = 60) -> dict[str, np.ndarray]:
    """Every row that can be drawn, ordered by its index, leaf by leaf."""
    batches = [buffer.sample(32) for _ in range(draws)]
    index, first = np.unique(np.concatenate([b.index for b in batches]), return_index=True)
    rows = {"index": index}
    keys = batches[0].keys()
    for key in (key for key in keys if key not in DRAWN):
        for i, parts in enumerate(zip(*(leaves(b[key]) for b in batches), strict=True)):
            rows[f"{key}.{i}"] = np.concatenate(parts)[first]
    return rows


def write(folder: Path) -> None:
    for name in NAMES:
        buffer = made(name, capacity=12)
        feed(buffer, 17, seed=2)
        buffer.save(folder / name / "buffer")
        np.savez_compressed(folder / name / "rows.npz", **rows_of(buffer))


if __name__ == "__main__":
    here = GOLDEN / sw.__version__
    if here.exists():
        raise SystemExit(f"{here} stands already, and what a release has saved does not change")
    write(here)
