"""The best return of environments whose model is known, against what can be counted by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.optimal import optimal_return, policy_return


def env_of(model, starts, limit=None) -> SimpleNamespace:
    unwrapped = SimpleNamespace(P=model, initial_state_distrib=np.array(starts))
    return SimpleNamespace(unwrapped=unwrapped, spec=SimpleNamespace(max_episode_steps=limit))


# Action 1 of state 0 pays 1 and ends with a chance of 0.25, and stays without pay otherwise.
GAMBLE = {
    0: {0: [(1.0, 0, 0.0, False)], 1: [(0.25, 1, 1.0, True), (0.75, 0, 0.0, False)]},
    1: {0: [(1.0, 1, 9.0, True)], 1: [(1.0, 1, 9.0, True)]},
}


def test_the_lake_that_is_not_slippery_is_always_crossed() -> None:
    for name in ("FrozenLake-v1", "FrozenLake8x8-v1"):
        assert optimal_return(gymnasium.make(name, is_slippery=False)) == 1.0
    crossing = gymnasium.make("FrozenLake-v1", is_slippery=False)
    assert optimal_return(crossing, limit=5) == 0.0  # six steps are the shortest way
    assert optimal_return(crossing, limit=6) == 1.0


def test_chances_add_up_within_the_limit_and_without_one() -> None:
    for limit in (1, 2, 7):
        assert optimal_return(env_of(GAMBLE, [1.0, 0.0], limit)) == pytest.approx(1 - 0.75**limit)
    assert optimal_return(env_of(GAMBLE, [1.0, 0.0])) == pytest.approx(1.0)
    assert optimal_return(env_of(GAMBLE, [1.0, 0.0], 7), limit=1) == 0.25


def test_a_terminated_outcome_has_no_next_value_and_starts_are_weighed() -> None:
    assert optimal_return(env_of(GAMBLE, [0.5, 0.5], 1)) == 0.5 * 0.25 + 0.5 * 9.0


def test_a_policy_is_worth_what_it_does() -> None:
    env = env_of(GAMBLE, [1.0, 0.0], 2)
    assert policy_return(env, np.array([0, 0])) == 0.0
    assert policy_return(env, np.array([1, 0])) == pytest.approx(1 - 0.75**2)


def test_the_slippery_lake_agrees_with_episodes_of_its_policy() -> None:
    env = gymnasium.make("FrozenLake-v1")
    action = np.array([0, 3, 3, 3, 0, 0, 0, 0, 3, 1, 0, 0, 0, 2, 1, 0])  # safe and slow
    exact = policy_return(env, action)
    assert 0.7 < exact < optimal_return(env)
    crossed = 0.0
    for episode in range(400):
        obs, _ = env.reset(seed=episode)
        over = False
        while not over:
            obs, reward, terminated, truncated, _ = env.step(int(action[obs]))
            crossed, over = crossed + float(reward), terminated or truncated
    assert abs(crossed / 400 - exact) < 4 * 0.022  # deviations of the mean of 400


def test_what_has_no_model_or_no_end_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an environment that has its model as P"):
        optimal_return(gymnasium.make("CartPole-v1"))
    endless = env_of({0: {0: [(1.0, 0, 1.0, False)]}}, [1.0])
    with pytest.raises(ValueError, match="values that stand still"):
        optimal_return(endless)
