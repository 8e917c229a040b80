"""Hindsight: the goals a transition may be given afterwards, and what it is then worth.

Andrychowicz et al. 2017, "Hindsight Experience Replay".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from model import PlainBuffer, Tree, discounted_sum

Reward = Callable[[Any, Any, dict[str, Any]], Any]


def goals(model: PlainBuffer, index: int, strategy: str) -> list[np.ndarray]:
    """What was achieved in the same episode, as far as it is stored, where the strategy looks."""
    this = model.after(index)[0]
    rows = [row for row in model.kept[index % model.num_envs] if row.episode == this.episode]
    if strategy == "future":
        rows = [row for row in rows if row.position >= this.position]
    elif strategy == "final":
        rows = rows[-1:]
    return [row.columns["next_obs"]["achieved_goal"] for row in rows]


def relabelled(model: PlainBuffer, index: int, goal: Any, reward: Reward) -> dict[str, Tree]:
    """The row, had `goal` been the desired one: other rewards, all else as before."""
    row = model.row(index)
    rewards = [
        np.float32(reward(step.columns["next_obs"]["achieved_goal"], goal, {}))
        for step in model.window(index)
    ]
    return row | {
        "obs": row["obs"] | {"desired_goal": goal},
        "next_obs": row["next_obs"] | {"desired_goal": goal},
        "reward": discounted_sum(rewards, model.gamma),
    }


def relabelled_rows(batch_size: int, k: int) -> int:
    """How many rows of a batch get another goal."""
    return round(batch_size * k / (k + 1))
