"""Learning from data alone, and from a mix of it with what is collected."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import Env, spaces
from same_runs import assert_same, stop_at
from tiny_envs import Chain

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

import sharpwave as sw
from sharpwave.agents import DQNConfig, QLearningConfig, R2D2Config, SACConfig, TD3Config
from sharpwave.training import TrainConfig, Trainer, resume, train

RUN = {"eval_interval": 0, "final_episodes": 5, "stop_when_solved": False}


class Target(Env):
    """One step: the reward is minus the squared distance of the action from the observation."""

    observation_space = spaces.Box(-1, 1, (1,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.obs = self.np_random.uniform(-0.8, 0.8, 1).astype(np.float32)
        return self.obs, {}

    def step(self, action):
        return self.obs, -float(np.sum((action - self.obs) ** 2)), True, False, {}


def saved_data(env, folder, steps: int = 600) -> str:
    """What a random policy does, as a buffer on disk."""
    buffer = sw.ReplayBuffer.for_env(env, steps, gamma=0.9, seed=0)
    env.action_space.seed(0)
    obs, _ = env.reset(seed=0)
    for _ in range(steps):
        action = env.action_space.sample()
        next_obs, reward, terminated, truncated, _ = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated, truncated)
        obs = env.reset()[0] if terminated or truncated else next_obs
    buffer.save(folder)
    return str(folder)


class Untouched(Chain):
    """An environment that nobody may step."""

    def step(self, action):
        raise AssertionError("nothing is to be collected")


def test_cql_learns_a_chain_from_random_steps_and_never_touches_the_environment(tmp_path) -> None:
    data = saved_data(Chain(), tmp_path / "data")
    agent = DQNConfig(hidden=(32,), learning_rate=5e-3, gamma=0.9, train_freq=1, cql_alpha=0.1)
    run = TrainConfig(steps=800, data=data, data_share=1, **RUN)
    trainer = Trainer(Untouched, agent, run, eval_env=Chain)
    assert trainer.buffer is None
    result = trainer.run()
    assert (result.mean_return, result.updates, result.steps) == (1.0, 800, 800)


def test_td3_bc_learns_from_random_actions(tmp_path) -> None:
    data = saved_data(Target(), tmp_path / "data")
    agent = TD3Config(hidden=(32, 32), learning_rate=1e-3, batch_size=64, bc_alpha=50.0)
    run = TrainConfig(steps=1500, data=data, data_share=1, **RUN)
    assert train(Target, agent, run).mean_return > -0.1


def test_every_batch_has_its_share_of_the_data(tmp_path) -> None:
    data = saved_data(Target(), tmp_path / "data")
    agent = SACConfig(hidden=(8,), batch_size=40, learning_starts=50, buffer_size=200)
    trainer = Trainer(Target, agent, TrainConfig(steps=100, data=data, data_share=0.25, **RUN))
    counts, update = [], trainer.agent.update

    def counting(batch):
        counts.append(np.bincount(batch.index.numpy() % 2, minlength=2).tolist())
        return update(batch)

    trainer.agent.update = counting
    trainer.run()
    assert counts == [[30, 10]] * 51


@pytest.mark.parametrize("share", [0.3, 1])
def test_learning_from_data_is_continued_bit_for_bit(tmp_path, share) -> None:
    data = saved_data(Target(), tmp_path / "data")
    agent = SACConfig(hidden=(8,), batch_size=16, learning_starts=20, prioritized=True)
    run = TrainConfig(steps=60, data=data, data_share=share, **{**RUN, "final_episodes": 0})
    train(Target, agent, run, out=tmp_path / "straight")
    trainer = Trainer(Target, agent, run, out=tmp_path / "broken")
    stop_at(trainer, 35)
    assert trainer.run().ended == "interrupted"
    assert resume(tmp_path / "broken", env=Target).steps == 60
    assert_same(tmp_path / "straight", tmp_path / "broken")


def test_an_agent_that_needs_more_than_transitions_refuses_data(tmp_path) -> None:
    data = saved_data(Chain(), tmp_path / "data")
    with pytest.raises(ValueError, match=r"^data: R2D2 learns from state beside each transition"):
        Trainer(Chain, R2D2Config(), TrainConfig(data=data))
    with pytest.raises(ValueError, match=r"^data: a table learns from its environment alone"):
        Trainer(Chain, QLearningConfig(), TrainConfig(data=data))


def test_data_that_is_nowhere_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"^data: .*nowhere/at-all-v0"):
        Trainer(Chain, DQNConfig(), TrainConfig(data="nowhere/at-all-v0"))


def test_a_minari_dataset_is_learned_from(tmp_path, monkeypatch) -> None:
    pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    buffer = sw.ReplayBuffer.load(saved_data(Chain(), tmp_path / "data"))
    with pytest.warns(UserWarning, match="is set to None|is None"):  # an author, a permalink
        buffer.to_minari("chain/random-v0")
    agent = DQNConfig(hidden=(32,), learning_rate=5e-3, gamma=0.9, train_freq=1)
    run = TrainConfig(steps=1200, data="chain/random-v0", data_share=1, **RUN)
    assert train(Chain, agent, run).mean_return == 1.0
