"""The judge: greedy, repeatable, and stopped when asked."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces
from tiny_envs import Always, Chain, Coin

pytest.importorskip("torch")

from sharpwave.agents import DQN, DQNConfig
from sharpwave.training import evaluate


def test_a_return_is_the_sum_of_rewards_of_a_whole_episode() -> None:
    assert evaluate(Always(1), Chain(), 3).tolist() == [1.0, 1.0, 1.0]
    assert evaluate(Always(0), Chain(), 2).tolist() == [0.0, 0.0]


def test_every_episode_has_a_seed_of_its_own_and_an_evaluation_can_be_repeated() -> None:
    env = Coin()
    returns = evaluate(Always(0), env, 5, seed=40)
    assert env.seeds == [40, 41, 42, 43, 44]
    assert len(set(returns.tolist())) == 5
    assert evaluate(Always(1), env, 5, seed=40).tolist() == returns.tolist()
    assert evaluate(Always(0), env, 2, seed=43).tolist() == returns[3:].tolist()


def test_an_agent_is_judged_without_exploration_and_left_as_it_was() -> None:
    agent = DQN(spaces.Discrete(5), spaces.Discrete(2), DQNConfig(hidden=(8,)))
    state = agent.state_dict()["rng"]
    assert len(set(evaluate(agent, Chain(), 5).tolist())) == 1
    assert agent.state_dict()["rng"] == state


def test_when_asked_to_stop_it_returns_the_complete_episodes() -> None:
    asked = iter([False] * 9 + [True] * 9)
    assert evaluate(Always(1), Chain(), 5, should_stop=lambda: next(asked)).tolist() == [1.0, 1.0]
    assert evaluate(Always(1), Chain(), 5, should_stop=lambda: True).shape == (0,)


def test_an_episode_without_end_is_left() -> None:
    returns = evaluate(Always(0), Chain(limit=10**9), 2, max_steps=50)
    np.testing.assert_array_equal(returns, [0.0, 0.0])
