"""What is measured: the rows, the steps that are added, the values of TD targets, and the operations' names.

A name is a path: ``sample/256/arrays``, ``add``, ``target/256x4/tensors`` (256 rows, 4 actions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt

OBS_DIM, ACTION_DIM = 17, 6
ROWS = 1_000_000
GAMMA = 0.99
BATCHES = (32, 256, 1024)
ACTIONS = (2, 3, 4, 5, 6)
SAMPLE_FORMS = ("arrays", "arrays-read", "tensors", "tensors-read")
TD_NAMES = ("target", "double_target")
TD_FORMS = ("arrays", "tensors")
KINDS = ("sample", "add", "td")

Array = npt.NDArray[Any]
Loop = Callable[[int], Any]


@dataclass(frozen=True)
class Rows:
    """Transitions in columns. The reward of row i is i, so that a sampled row says where it came from."""

    obs: Array
    action: Array
    reward: Array
    next_obs: Array
    terminated: Array
    truncated: Array

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True)
class Values:
    """The inputs of a TD target: ``(B,)``, ``(B,)``, and two tables of action values ``(B, A)``."""

    reward: Array
    discount: Array
    next_q: Array
    next_q_target: Array


def make_rows(
    count: int, obs_dim: int = OBS_DIM, action_dim: int = ACTION_DIM, *, seed: int = 0
) -> Rows:
    """``count`` transitions in episodes of about 1,000 steps, half of which terminate and half are truncated.

    Inside an episode the successor of a row is the next row's observation; where one ends, it is not.
    """
    if count >= 2**24:
        raise ValueError(
            f"rows are numbered in float32, which is exact below {2**24}; got {count} rows"
        )
    rng = np.random.default_rng(seed)
    obs = rng.random((count, obs_dim), dtype=np.float32)
    terminated, truncated = rng.random((2, count)) < 0.0005
    truncated &= ~terminated  # Stable-Baselines3 forgets a termination that comes with a timeout
    ended = terminated | truncated
    ended[-1] = True
    next_obs = np.roll(obs, -1, axis=0)
    next_obs[ended] = rng.random((ended.sum(), obs_dim), dtype=np.float32)
    return Rows(
        obs=obs,
        action=rng.random((count, action_dim), dtype=np.float32),
        reward=np.arange(count, dtype=np.float32),
        next_obs=next_obs,
        terminated=terminated,
        truncated=truncated,
    )


def make_steps(
    shape: tuple[int, ...] = (OBS_DIM,), *, seed: int = 1
) -> Iterator[tuple[Array, Array]]:
    """Endless (obs, next_obs), as an environment gives them: each step's obs is the last one's next_obs."""
    rng = np.random.default_rng(seed)
    walk = [rng.random(shape, dtype=np.float32) for _ in range(1024)]
    return cycle(list(zip(walk, walk[1:] + walk[:1], strict=True)))


def make_values(batch: int, actions: int, *, seed: int = 2) -> Values:
    """Random values of a size that float32 holds to 1e-6."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal
    return Values(
        reward=draw(batch, dtype=np.float32),
        discount=np.where(rng.random(batch) < 0.01, 0, GAMMA).astype(np.float32),
        next_q=draw((batch, actions), dtype=np.float32),
        next_q_target=draw((batch, actions), dtype=np.float32),
    )


def td_exact(name: str, values: Values) -> Array:
    """The TD target in float64, by its definition."""
    choice = values.next_q.argmax(axis=1)
    table = values.next_q if name == "target" else values.next_q_target
    best = table[np.arange(len(choice)), choice].astype(np.float64)
    return values.reward.astype(np.float64) + values.discount.astype(np.float64) * best


def operations(kinds: tuple[str, ...] = KINDS) -> list[str]:
    """The names of all operations of these kinds, in the order of the table."""
    names = []
    if "sample" in kinds:
        names += [f"sample/{size}/{form}" for size in BATCHES for form in SAMPLE_FORMS]
    if "add" in kinds:
        names += ["add"]
    if "td" in kinds:
        names += [
            f"{name}/{size}x{actions}/{form}"
            for name in TD_NAMES
            for size in BATCHES
            for actions in ACTIONS
            for form in TD_FORMS
        ]
    return names
