"""What is measured: kinds of operations, the rows they work on, the values of TD targets.

An operation's name is a path: ``sample/256/arrays``, ``add``, ``sequences/64x80/tensors``,
``target/256x4/tensors`` (256 rows, 4 actions). A kind is one entry of `KINDS`, and one function of
that name in the module of each contender that can do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

OBS_DIM, ACTION_DIM = 17, 6
ROWS = 1_000_000
GAMMA = 0.99
N_STEP = 5
BATCHES = (32, 256, 1024)
ACTIONS = (2, 3, 4, 5, 6)
SAMPLE_FORMS = ("arrays", "arrays-read", "tensors", "tensors-read")
FORMS = ("arrays", "tensors")
TD_NAMES = ("target", "double_target")

Array = npt.NDArray[Any]
Loop = Callable[[int], Any]


@dataclass(frozen=True)
class Kind:
    """Operations of one kind: what they work on, and the sizes and forms that they come in.

    Kinds that work on the same rows are measured together, in the same processes.
    """

    rows: str  # "vectors", "stacks" or "frames"
    buffer: str  # as the contenders' make() knows it
    sizes: tuple[int | str, ...] = ()
    forms: tuple[str, ...] = ()

    def operations(self, kind: str) -> list[str]:
        names = [f"{kind}/{size}/{form}" for size in self.sizes for form in self.forms]
        return names or [kind]


KINDS = {
    "sample": Kind("vectors", "uniform", BATCHES, SAMPLE_FORMS),
    "add": Kind("vectors", "uniform"),
    "prioritized": Kind("vectors", "prioritized", BATCHES, FORMS),
    "n_step": Kind("vectors", "n_step", BATCHES, FORMS),
    "without_replacement": Kind("vectors", "without_replacement", BATCHES, FORMS),
    "stacks": Kind("stacks", "stacks", (32, 256), ("tensors",)),
    "stacks_add": Kind("stacks", "stacks"),
    "sequences": Kind("frames", "frames", ("64x80",), ("tensors",)),
    "td": Kind("values", ""),
}


@dataclass(frozen=True)
class Rows:
    """Transitions in columns. The reward of row i is i, so that a sampled row says where it came from.

    ``obs`` and ``next_obs`` are arrays, or what is indexed like one (`bench.frames.Gathered`).
    """

    obs: Any
    action: Array
    reward: Array
    next_obs: Any
    terminated: Array
    truncated: Array

    def __len__(self) -> int:
        return len(self.reward)

    def parts(self, rows: int) -> Iterator[tuple[Array, ...]]:
        """The columns of so many rows at a time."""
        for begin in range(0, len(self), rows):
            yield tuple(column[begin : begin + rows] for column in vars(self).values())


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
    """``count`` transitions of vectors.

    Inside an episode the successor of a row is the next row's observation; where one ends, it is not.
    """
    rng = np.random.default_rng(seed)
    obs = rng.random((count, obs_dim), dtype=np.float32)
    terminated, truncated = make_ends(count, rng)
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


def make_ends(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Episodes of about 1,000 steps, half of which terminate and half are truncated."""
    if count >= 2**24:
        raise ValueError(
            f"rows are numbered in float32, which is exact below {2**24}; got {count} rows"
        )
    terminated, truncated = rng.random((2, count)) < 0.0005
    truncated &= ~terminated  # Stable-Baselines3 forgets a termination that comes with a timeout
    return terminated, truncated


def make_walk(shape: tuple[int, ...] = (OBS_DIM,), *, seed: int = 1) -> list[tuple[Array, Array]]:
    """(obs, next_obs) of a round walk, as an environment gives them: each obs is the last next_obs."""
    rng = np.random.default_rng(seed)
    places = [rng.random(shape, dtype=np.float32) for _ in range(1024)]
    return list(zip(places, places[1:] + places[:1], strict=True))


def make_errors(size: int, count: int = 512, *, seed: int = 3) -> list[Array]:
    """Random TD errors for so many updates, made before the clock runs."""
    return list(np.random.default_rng(seed).standard_normal((count, size), dtype=np.float32))


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


def operations(kinds: tuple[str, ...] = tuple(KINDS)) -> list[str]:
    """The names of all operations of these kinds, in the order of the table."""
    names = [name for kind in kinds if kind != "td" for name in KINDS[kind].operations(kind)]
    if "td" in kinds:
        names += [
            f"{name}/{size}x{actions}/{form}"
            for name in TD_NAMES
            for size in BATCHES
            for actions in ACTIONS
            for form in FORMS
        ]
    return names
