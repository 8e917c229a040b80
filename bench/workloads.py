"""The rows that operations work on, and the values of TD targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

OBS_DIM, ACTION_DIM = 17, 6
GAMMA = 0.99
N_STEP = 5

Array = npt.NDArray[Any]
Loop = Callable[[int], Any]


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
    """The inputs of a TD target: ``(B,)``, ``(B,)``, and two tables of action values ``(B, A)``.

    Of a distributional one: the same, A being the atoms, and the probabilities of `chances`.
    """

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


V_MIN, V_MAX = -10.0, 10.0


def chances(values: Values) -> Array:
    """A distribution over the atoms a row."""
    weights = np.exp(values.next_q)
    made: Array = weights / weights.sum(1, keepdims=True)
    return made


def c51_exact(values: Values) -> Array:
    """Bellemare et al. 2017, Algorithm 1, atom by atom in float64."""
    rows, atoms = values.next_q.shape
    out, spacing = np.zeros((rows, atoms)), (V_MAX - V_MIN) / (atoms - 1)
    mass = chances(values).astype(np.float64)
    for j, z in enumerate(np.linspace(V_MIN, V_MAX, atoms)):
        moved = values.reward + values.discount.astype(np.float64) * z
        place = (np.clip(moved, V_MIN, V_MAX) - V_MIN) / spacing
        below = np.minimum(place.astype(int), atoms - 2)
        upper = mass[:, j] * (place - below)
        np.add.at(out, (np.arange(rows), below), mass[:, j] - upper)
        np.add.at(out, (np.arange(rows), below + 1), upper)
    return out
