"""Gradient steps and target updates happen when the settings say."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

import sharpwave as sw
from sharpwave.agents import DQN, DQNConfig, Update
from sharpwave.training.learner import Learner

FEATURES, ACTIONS = spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(2)


class Recorder(DQN):
    """Notes at which step of `now` it was updated."""

    def __init__(self, config: DQNConfig) -> None:
        super().__init__(FEATURES, ACTIONS, config)
        self.now = 0
        self.updates: list[int] = []
        self.target_updates: list[int] = []

    def update(self, batch):
        self.updates.append(self.now)
        return Update(torch.tensor(0.5), torch.zeros(2))

    def update_target(self, times=1):
        self.target_updates += [self.now] * times


def schedule(steps, **settings) -> Recorder:
    agent = Recorder(DQNConfig(hidden=(4,), batch_size=2, **settings))
    learner = Learner(agent, filled_buffer(), steps=100)
    for agent.now in steps:
        learner.step(agent.now)
    assert learner.updates == len(agent.updates)
    return agent


def filled_buffer(reward: float = 0.0) -> sw.ReplayBuffer:
    buffer = sw.ReplayBuffer(8, observation_space=FEATURES, action_space=ACTIONS, seed=0)
    for _ in range(8):
        buffer.add(np.ones(2, np.float32), 0, reward, np.ones(2, np.float32), False, False)
    return buffer


def test_target_updates_do_not_wait_for_gradient_steps() -> None:
    agent = schedule(range(1, 101), train_freq=10, target_update_interval=25, learning_starts=1)
    assert agent.updates == list(range(10, 101, 10))
    assert agent.target_updates == [25, 50, 75, 100]


def test_nothing_is_learned_before_learning_starts() -> None:
    agent = schedule(range(1, 101), train_freq=10, target_update_interval=25, learning_starts=60)
    assert agent.updates == [60, 70, 80, 90, 100]
    assert agent.target_updates == [75, 100]


def test_a_round_has_as_many_gradient_steps_as_asked_for() -> None:
    agent = schedule(range(1, 21), train_freq=10, gradient_steps=3, learning_starts=1)
    assert agent.updates == [10, 10, 10, 20, 20, 20]


def test_several_environments_take_as_many_gradient_steps_as_one() -> None:
    settings = {"train_freq": 4, "target_update_interval": 6, "learning_starts": 10}
    one, eight = schedule(range(1, 97), **settings), schedule(range(8, 97, 8), **settings)
    assert len(one.updates) == len(eight.updates) == 22
    assert eight.updates == [step for step in range(16, 97, 8) for _ in range(2)]
    assert len(one.target_updates) == len(eight.target_updates) == 15


def test_the_loss_is_read_on_demand_and_must_be_finite() -> None:
    agent = DQN(FEATURES, ACTIONS, DQNConfig(hidden=(4,), train_freq=1, learning_starts=1))
    learner = Learner(agent, filled_buffer(), steps=100)
    assert learner.logs() == {}
    learner.step(1)
    assert learner.logs()["loss"] >= 0.0
    broken = Learner(agent, filled_buffer(reward=float("nan")), steps=100)
    broken.step(1)
    with pytest.raises(FloatingPointError, match=r"loss is nan after 1 gradient steps.*rewards"):
        broken.logs()
