"""A run that is stopped and continued is, bit for bit, the run that was never stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from same_runs import assert_same, stop_at
from tiny_envs import Chain

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

import torch

from sharpwave.agents import DQNConfig, QLearningConfig, R2D2Config, SACConfig, TD3Config, rainbow
from sharpwave.training import Result, TrainConfig, Trainer, load_agent, resume, train
from sharpwave.training.checkpoint import load_checkpoint

SMALL = {"hidden": (16,), "batch_size": 16, "learning_starts": 50, "buffer_size": 150}
AGENTS = {
    "dqn": ("CartPole-v1", DQNConfig(**SMALL)),
    "rainbow": ("CartPole-v1", rainbow(**SMALL, v_min=0.0, v_max=200.0)),
    "iqn": ("CartPole-v1", DQNConfig(**{**SMALL, "hidden": (16, 8)}, distribution="iqn")),
    "r2d2": (
        "CartPole-v1",
        R2D2Config(
            **{**SMALL, "batch_size": 8}, memory=8, length=6, burn_in=4, period=3, train_freq=2
        ),
    ),
    "q-learning": ("Taxi-v4", QLearningConfig(learning_rate_end=0.01)),
    "sac": ("Pendulum-v1", SACConfig(**SMALL)),
    "td3": ("Pendulum-v1", TD3Config(**SMALL)),
}
RUN = {"eval_interval": 150, "eval_episodes": 2, "final_episodes": 2, "checkpoint_interval": 0}
RUN |= {"log_interval": 60, "stop_when_solved": False}


def run_of(steps: int, **settings) -> TrainConfig:
    return TrainConfig(**{**RUN, "steps": steps, **settings})


@pytest.mark.parametrize("num_envs", [1, 2])
@pytest.mark.parametrize("algo", AGENTS)
def test_stopping_changes_nothing(tmp_path, algo, num_envs) -> None:
    env, agent = AGENTS[algo]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    run = run_of(400, num_envs=num_envs, checkpoint_interval=1000)
    train(env, agent, run, out=straight)
    trainer = Trainer(env, agent, run, out=broken)
    stop_at(trainer, 200)
    assert trainer.run().ended == "interrupted"
    assert load_checkpoint(broken).step == 200
    result = resume(broken)
    assert (result.ended, result.steps) == ("steps", 400)
    assert_same(straight, broken)


@pytest.mark.parametrize("algo", AGENTS)
def test_the_agent_of_a_run_is_loaded_as_it_was_kept(tmp_path, algo) -> None:
    env, agent = AGENTS[algo]
    result = train(env, agent, run_of(80, eval_interval=0), out=tmp_path)
    loaded = load_agent(tmp_path)
    assert type(loaded) is type(result.agent)
    assert loaded.config == agent
    for name, value in result.agent.weights().items():
        assert torch.equal(loaded.weights()[name], value)


KILLED = """
import os, sys
from sharpwave.agents import DQNConfig, SACConfig, TD3Config, rainbow
from sharpwave.training import TrainConfig, Trainer
env, agent, run, out = {env!r}, {agent!r}, {run!r}, {out!r}
trainer = Trainer(env, agent, run, out=out)
collect = trainer._collector.step
def collecting(at):
    if at == 290:
        os.kill(os.getpid(), 9)
    return collect(at)
trainer._collector.step = collecting
trainer.run()
"""


@pytest.mark.parametrize("algo", ["dqn", "rainbow", "sac"])
def test_kill_9_between_two_checkpoints_loses_nothing_but_time(tmp_path, algo) -> None:
    env, agent = AGENTS[algo]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    run = run_of(400, checkpoint_interval=100)
    train(env, agent, run, out=straight)
    code = KILLED.format(env=env, agent=agent, run=run, out=str(broken))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert load_checkpoint(broken).step == 200
    resume(broken)
    assert_same(straight, broken)


def test_a_run_that_has_ended_can_be_made_longer(tmp_path) -> None:
    env, agent = "Pendulum-v1", SACConfig(**SMALL)
    train(env, agent, run_of(400, checkpoint_interval=1000), out=tmp_path / "straight")
    train(env, agent, run_of(200, checkpoint_interval=1000), out=tmp_path / "longer")
    assert resume(tmp_path / "longer", steps=400).steps == 400
    assert_steps(tmp_path / "longer", [150, 200, 300, 400])


def test_a_run_that_was_solved_goes_on_if_it_is_made_longer(tmp_path) -> None:
    settings = {"stop_when_solved": True, "stop_at_return": 1.0, "checkpoint_interval": 1000}
    result = train("CartPole-v1", DQNConfig(**SMALL), run_of(400, **settings), out=tmp_path)
    assert (result.ended, result.steps) == ("solved", 150)
    assert resume(tmp_path, steps=300).steps == 300


def assert_steps(folder: Path, steps: list[int]) -> None:
    lines = (folder / "evaluations.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[0]) for line in lines] == steps


class Drifting(Chain):
    """Begins where a count over all episodes says, which no seed can bring back."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0

    def reset(self, **options):
        super().reset(**options)
        self.begun += 1
        self.place = self.begun % 4
        return self.place, {}


def test_an_environment_that_does_not_come_back_begins_an_episode_and_it_is_said(
    tmp_path, capsys
) -> None:
    agent = DQNConfig(**SMALL)
    trainer = Trainer(Drifting, agent, run_of(300, checkpoint_interval=1000), out=tmp_path)
    stop_at(trainer, 203)
    trainer.run()
    before = load_checkpoint(tmp_path)
    assert before.state["collector"]["length"] > 0, "the stop has to fall into an episode"
    assert resume(tmp_path, env=Drifting).steps == 300
    assert "step 203: the environment could not be brought back" in capsys.readouterr().err
    buffer = load_checkpoint(tmp_path).buffers["buffer"]
    # no window crosses the cut: a chain moves by one place a step
    batch = buffer.sample(500)
    assert np.all(np.abs(batch.next_obs - batch.obs) <= 1)


def test_a_vector_environment_that_resets_itself_begins_anew(tmp_path, capsys) -> None:
    make = lambda: gymnasium.vector.SyncVectorEnv([Chain] * 2)  # noqa: E731
    trainer = Trainer(
        make(),
        DQNConfig(**SMALL),
        run_of(300, checkpoint_interval=1000),
        out=tmp_path,
        eval_env=Chain,
    )
    stop_at(trainer, 200)
    trainer.run()
    result = resume(tmp_path, env=make(), eval_env=Chain)
    assert result.steps >= 300
    assert "could not be brought back" in capsys.readouterr().err


def test_what_cannot_be_continued_says_why(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"expected the folder of a run, but it has no config"):
        resume(tmp_path)
    train("CartPole-v1", DQNConfig(**SMALL), run_of(60, eval_interval=0), out=tmp_path)
    with pytest.raises(ValueError, match=r"expected a run that was saved to go on, but no check"):
        resume(tmp_path)
    train(Chain, DQNConfig(**SMALL), run_of(60, checkpoint_interval=50), out=tmp_path)
    with pytest.raises(ValueError, match=r"has no id to make it from; pass env"):
        resume(tmp_path)


def result_weights(result: Result) -> list[torch.Tensor]:
    return [value.clone() for value in result.agent.weights().values()]


def test_a_continued_run_returns_the_best_network_of_both_parts(tmp_path) -> None:
    env, agent = AGENTS["dqn"]
    run = run_of(400, checkpoint_interval=1000)
    whole = train(env, agent, run, out=tmp_path / "straight")
    trainer = Trainer(env, agent, run, out=tmp_path / "broken")
    stop_at(trainer, 200)
    trainer.run()
    parts = resume(tmp_path / "broken")
    assert (whole.mean_return, whole.model_step) == (parts.mean_return, parts.model_step)
    assert all(map(torch.equal, result_weights(whole), result_weights(parts)))
