"""How good a policy is: its return, acting greedily, over whole episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt


class Policy(Protocol):
    """Whatever turns an observation into an action."""

    def act(self, obs: Any) -> Any: ...


def evaluate(
    policy: Policy,
    env: gym.Env[Any, Any],
    episodes: int = 100,
    *,
    seed: int = 0,
    max_steps: int = 1_000_000,
    should_stop: Callable[[], bool] = lambda: False,
) -> npt.NDArray[np.float64]:
    """Play whole episodes, acting greedily, and return the sum of rewards of each.

    Episode i starts with ``env.reset(seed=seed + i)``: an evaluation can be repeated exactly, and
    two policies are judged on the same starts.

    Parameters
    ----------
    policy
        Its ``act(obs)`` is called, without exploration.
    env
        A single environment, best one that nobody else uses.
    episodes
        How many.
    seed
        Of the first episode.
    max_steps
        Where an episode is left, in an environment that sets no limit itself.
    should_stop
        Asked at every step; once it says yes, the episodes that are complete are returned.

    Returns
    -------
    ndarray
        float64 of shape (episodes,), or shorter when stopped.
    """
    returns: list[float] = []
    for episode in range(episodes):
        total = _play(policy, env, seed + episode, max_steps, should_stop)
        if total is None:
            break
        returns.append(total)
    return np.array(returns, dtype=np.float64)


def _play(
    policy: Policy,
    env: gym.Env[Any, Any],
    seed: int,
    max_steps: int,
    should_stop: Callable[[], bool],
) -> float | None:
    total = 0.0
    for step in greedy(policy, env, seed, max_steps):
        total += step.reward
        if not step.is_last and should_stop():
            return None
    return total


class Step(NamedTuple):
    """What a step of an episode paid; the one before all others is the start, and pays nothing."""

    reward: float
    is_last: bool


def greedy(policy: Policy, env: gym.Env[Any, Any], seed: int, max_steps: int) -> Iterator[Step]:
    """Play an episode, acting greedily, and yield its start and then each step.

    A policy that remembers, which has ``reset()``, is told that an episode begins.
    """
    reset = getattr(policy, "reset", None)
    if reset is not None:
        reset()
    obs, _ = env.reset(seed=seed)
    yield Step(0.0, False)
    for step in range(1, max_steps + 1):
        obs, reward, terminated, truncated, _ = env.step(policy.act(obs))
        is_last = bool(terminated or truncated or step == max_steps)
        yield Step(float(reward), is_last)
        if is_last:
            return
