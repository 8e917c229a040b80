"""sharpwave, as `sharpwave train` runs it without evaluations on the way; with or without ``--compile``."""

from __future__ import annotations

import copy
import time
from typing import Any

import gymnasium as gym

from bench.learners.run import Learned, Run
from sharpwave.agents import Agent
from sharpwave.training import TrainConfig, Trainer
from sharpwave.training.algorithms import ALGORITHMS
from sharpwave.training.environments import make
from sharpwave.training.store import Seeds, make_storage

UPDATES = 10


def learn(run: Run) -> Learned:
    trainer = trainer_of(run)
    return Learned(trainer.run().agent.act)


def compiled(run: Run) -> Learned:
    trainer = trainer_of(run, compile=True)
    env = make(run.task.env)
    seconds = warm_up(trainer.agent, env)
    env.close()
    return Learned(trainer.run().agent.act, seconds)


def trainer_of(run: Run, **settings: Any) -> Trainer:
    task = run.task
    agent = ALGORITHMS[task.algo].settings(**task.settings, **settings)
    config = TrainConfig(
        steps=task.steps,
        seed=run.seed,
        eval_interval=0,
        final_episodes=0,
        checkpoint_interval=0,
        stop_when_solved=False,
    )
    return Trainer(
        lambda: run.clock.timed(make(task.env, training=True)),
        agent,
        config,
        out=run.folder / "run",
        progress=False,
    )


def warm_up(agent: Agent, env: gym.Env[Any, Any]) -> float:
    """Have the gradient step compiled; return the seconds that its first calls took.

    They are made on transitions of random play, and undone: the agent is left as it was.
    """
    before = copy.deepcopy(agent.state_dict())
    buffer = make_storage(env, agent, TrainConfig(), Seeds(*range(6)), {}).filled
    fill(buffer, env, 2 * agent.config.batch_size)
    began = time.perf_counter()
    for _ in range(UPDATES):
        agent.update(agent.sample(buffer))
    seconds = time.perf_counter() - began
    agent.load_state_dict(before)
    return seconds


def fill(buffer: Any, env: gym.Env[Any, Any], steps: int) -> None:
    """Add transitions of random play."""
    env.action_space.seed(0)
    obs, _ = env.reset(seed=0)
    for _ in range(steps):
        action = env.action_space.sample()
        next_obs, reward, terminated, truncated, _ = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated, truncated)
        obs = env.reset()[0] if terminated or truncated else next_obs.copy()
