"""A run of one contender, timed and then judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from bench.learners.clock import Clock
from bench.learners.tasks import Task

FRESH_SEEDS = 1_000_000


class Run(NamedTuple):
    """What a contender is asked to do."""

    task: Task
    seed: int
    clock: Clock
    """which the environment learned in has to move on"""
    folder: Path
    """for whatever is written; the working directory"""
    checkout: Path | None = None
    """of CleanRL"""


class Learned(NamedTuple):
    """What came of it."""

    act: Callable[[Any], Any]
    """the greedy action for one observation"""
    warm_up_seconds: float | None = None
    """spent on compiling, before the clock ran"""


def timed_run(learn: Callable[[Run], Learned], run: Run) -> dict[str, float]:
    """Speeds, and the mean return of greedy episodes."""
    learned = learn(run)
    outcome = run.clock.speeds()
    if learned.warm_up_seconds is not None:
        outcome["warm_up_seconds"] = learned.warm_up_seconds
    outcome["mean_return"] = greedy_return(run.task, learned.act, run.seed)
    return outcome


def greedy_return(task: Task, act: Callable[[Any], Any], seed: int) -> float:
    """Mean return of greedy episodes, on starts that training did not see."""
    env, returns = gym.make(task.env), []
    for episode in range(task.episodes):
        obs, _ = env.reset(seed=FRESH_SEEDS + 1000 * seed + episode)
        total, over = 0.0, False
        while not over:
            obs, reward, terminated, truncated, _ = env.step(act(obs))
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    env.close()
    return float(np.mean(returns))
