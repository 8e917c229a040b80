"""Hindsight: goals that were reached, in place of those that were wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRATEGIES = ("future", "final", "episode")

Reward = Callable[[NDArray[Any], NDArray[Any], Any], Any]


@dataclass(frozen=True)
class Hindsight:
    """Relabel goals at sampling time (hindsight experience replay; Andrychowicz et al. 2017).

    ``k / (k + 1)`` of every batch get another goal: what the successor of some row of the same
    episode achieved. Both ``desired_goal`` entries become it, and every reward of the row's n-step
    window is asked for anew.

    Parameters
    ----------
    strategy : {"future", "final", "episode"}
        Which rows goals are taken from: those from the row itself to the end of its episode, the
        episode's last one, or any of it; as far as they are stored.
    k : int
        Relabelled rows for each one that is left as it was.
    reward : callable
        ``reward(achieved_goal, desired_goal, info)``, for arrays of goals of shape ``(N, *goal)``,
        returning N rewards; ``env.unwrapped.compute_reward`` of goal environments. ``info`` is an
        empty dict.

    Raises
    ------
    ValueError
        An unknown strategy, a negative ``k``, or a ``reward`` that cannot be called.

    Examples
    --------
    >>> import numpy as np, sharpwave as sw
    >>> reached = lambda achieved, desired, info: -(achieved != desired).astype(np.float32)
    >>> goal = sw.Field((), "float32")
    >>> buffer = sw.ReplayBuffer(
    ...     100,
    ...     observation_space={"achieved_goal": goal, "desired_goal": goal},
    ...     action_space=sw.Field(),
    ...     hindsight=sw.Hindsight("final", k=1, reward=reached),
    ...     seed=0,
    ... )
    >>> obs = {"achieved_goal": 0.0, "desired_goal": 9.0}
    >>> buffer.add(obs, 0.0, -1.0, obs | {"achieved_goal": 1.0}, False, True)
    >>> sorted(buffer.sample(2).reward.tolist())
    [-1.0, 0.0]
    """

    strategy: str = "future"
    k: int = 4
    reward: Reward | None = None

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy: expected one of {STRATEGIES}, got {self.strategy!r}")
        if self.k < 0 or self.k != int(self.k):
            raise ValueError(f"k: expected an integer of at least 0, got {self.k!r}")
        if not callable(self.reward):
            raise ValueError(
                "reward: expected reward(achieved_goal, desired_goal, info) of the environment, "
                f"got {self.reward!r}"
            )

    def rewards(self, achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[np.float64]:
        """Return the reward of each pair of goals, checked to be one finite number for each."""
        assert self.reward is not None
        rewards = np.asarray(self.reward(achieved, desired, {}), dtype=np.float64)
        if rewards.shape != (len(achieved),):
            raise ValueError(
                f"hindsight: expected {len(achieved)} rewards of as many goals, got an array of "
                f"shape {rewards.shape}; reward() has to take arrays of goals"
            )
        return np.ascontiguousarray(rewards)
