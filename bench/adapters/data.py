"""The steps that every adapter's benchmark stores: the sizes of HalfCheetah."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROWS = 1_000_000
OBS, ACTION = 17, 6
BATCHES = (32, 256, 1024)


@dataclass
class Steps:
    """Consecutive steps; ``obs`` has one row more, each row being the successor of the last."""

    obs: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray


def steps(count: int = ROWS, seed: int = 0) -> Steps:
    rng = np.random.default_rng(seed)
    return Steps(
        rng.standard_normal((count + 1, OBS), "f4"),
        rng.uniform(-1, 1, (count, ACTION)).astype("f4"),
        rng.standard_normal(count, "f4"),
        rng.random(count) < 1e-3,
    )
