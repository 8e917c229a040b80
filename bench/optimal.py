"""The best that can be done where the model is known, exactly: what a learned policy is held against.

For environments that have their model as ``env.unwrapped.P[state][action]``, a list of (probability, next
state, reward, terminated), and their starts as ``initial_state_distrib``, as Gymnasium's toy text ones have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Without a time limit values are backed up until they stand still, or this often.
BACKUPS, STILL = 10_000, 1e-12


def optimal_return(env: Any, limit: int | None = None) -> float:
    """Mean return of the best policy there is, undiscounted and within the time limit.

    That policy knows how many steps are left: backward induction, Puterman 1994, "Markov Decision Processes",
    section 4.5. One that sees the state alone may come close to it and cannot pass it.

    Parameters
    ----------
    env
        A Gymnasium environment with a model.
    limit
        Steps in an episode; by default the environment's own. Where it has none, the return without a limit.

    Raises
    ------
    ValueError
        No model, or no limit and values that do not stand still.

    Examples
    --------
    >>> import gymnasium
    >>> optimal_return(gymnasium.make("CliffWalking-v1"))
    -13.0
    """
    return _mean_return(env, limit, lambda q: q.max(1))


def policy_return(env: Any, action: NDArray[Any], limit: int | None = None) -> float:
    """Mean return of the policy that takes ``action[state]``, as `optimal_return` counts it.

    It is what the average over endless greedy episodes tends to, without their noise.
    """
    states = np.arange(len(action))
    return _mean_return(env, limit, lambda q: q[states, action])


def _mean_return(env: Any, limit: int | None, choose: Callable[[Floats], Floats]) -> float:
    backup = _backup(_model(env))
    starts = np.asarray(env.unwrapped.initial_state_distrib)
    if limit is None and env.spec is not None:
        limit = env.spec.max_episode_steps
    values = np.zeros(len(starts))
    for _ in range(BACKUPS if limit is None else limit):
        before, values = values, choose(backup(values))
        if limit is None and np.abs(values - before).max() < STILL:
            break
    else:
        if limit is None:
            raise ValueError(
                f"expected values that stand still within {BACKUPS} steps; give a limit"
            )
    return float(starts @ values)


def _model(env: Any) -> dict[int, dict[int, list[tuple[float, int, float, bool]]]]:
    model: Any = getattr(env.unwrapped, "P", None)
    if model is None:
        raise ValueError(f"expected an environment that has its model as P, got {env}")
    return dict(model)


def _backup(
    model: dict[int, dict[int, list[tuple[float, int, float, bool]]]],
) -> Callable[[Floats], Floats]:
    """From the values of states to those of actions (S, A), one step earlier."""
    rows = [
        (state, action, *outcome)
        for state, actions in model.items()
        for action, outcomes in actions.items()
        for outcome in outcomes
    ]
    state, action, chance, next_state, reward, terminated = map(np.array, zip(*rows, strict=True))
    shape = (len(model), len(model[0]))

    def backup(values: Floats) -> Floats:
        worth = chance * (reward + np.where(terminated, 0.0, values[next_state]))
        total = np.zeros(shape)
        np.add.at(total, (state, action), worth)
        return total

    return backup
