"""Which network is kept, and when a task counts as solved."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tiny_envs import Coin

pytest.importorskip("torch")

import torch

from sharpwave.agents import DQN, DQNConfig
from sharpwave.training import TrainConfig
from sharpwave.training.selection import Selection


def selection_of(
    threshold: float | None = None, seed: int = 0, **settings
) -> tuple[Selection, DQN, Coin]:
    env = Coin()
    env.spec = SimpleNamespace(reward_threshold=threshold)
    agent = DQN(env.observation_space, env.action_space, DQNConfig(hidden=(4,)))
    config = TrainConfig(**{"eval_episodes": 4, "final_episodes": 6, **settings})
    return Selection(agent, env, config, seed), agent, env


def never() -> bool:
    return False


def bias(weights) -> float:
    return float(weights["advantage.layers.1.bias"][0])


def evaluate_at(selection: Selection, agent: DQN, env: Coin, step: int, reward: float) -> None:
    """An agent that can be told by its bias, in an environment that pays `reward`."""
    env.reward = reward
    with torch.no_grad():
        agent.online.advantage.layers[1].bias.fill_(step)
    selection.evaluate(step, never)


def test_the_best_network_is_kept_and_of_equals_the_latest() -> None:
    selection, agent, env = selection_of()
    for step, reward in ((10, 1.0), (20, 5.0), (30, 2.0), (40, 5.0), (50, 4.0)):
        evaluate_at(selection, agent, env, step, reward)
    assert (selection.step, bias(selection.weights)) == (40, 40.0)
    assert selection.returns.tolist() == [5.0] * 4
    assert selection.last_step == 50


def test_what_is_kept_is_a_copy() -> None:
    selection, agent, env = selection_of()
    evaluate_at(selection, agent, env, 10, 1.0)
    with torch.no_grad():
        agent.online.advantage.layers[1].bias.fill_(-1.0)
    assert bias(selection.weights) == 10.0


def test_a_threshold_that_is_reached_is_confirmed_by_as_many_episodes_as_the_report_has() -> None:
    selection, agent, env = selection_of(threshold=5.0)
    evaluate_at(selection, agent, env, 10, 4.9)
    assert (selection.solved, len(env.seeds)) == (False, 4)
    evaluate_at(selection, agent, env, 20, 5.0)
    assert (selection.solved, len(env.seeds)) == (True, 4 + 10)
    assert env.seeds[4:] == list(range(10))


def test_a_mean_that_luck_may_have_lifted_does_not_solve() -> None:
    # uniform rewards: standard error near 0.29 / sqrt(10) = 0.09
    selection, _, env = selection_of(threshold=0.45, seed=2)
    env.reward = None
    selection.evaluate(10, never)
    assert len(selection.returns) == 10
    assert selection.returns.mean() == pytest.approx(0.554, abs=0.001)
    assert not selection.solved


@pytest.mark.parametrize("settings", [{"stop_when_solved": False}, {"threshold": None}])
def test_without_a_threshold_nothing_is_ever_solved(settings) -> None:
    selection, agent, env = selection_of(**{"threshold": 0.0, **settings})
    evaluate_at(selection, agent, env, 10, 1e9)
    assert not selection.solved


def test_an_evaluation_cut_short_decides_nothing() -> None:
    selection, _, _ = selection_of(threshold=0.0)
    assert selection.evaluate(10, lambda: True) is None
    assert (selection.weights, selection.solved, len(selection.returns)) == ({}, False, 0)
    assert np.isfinite(selection.seconds)
