"""The scoreboard's tasks: what is trained, on how many seeds, and what stands beside it.

Published figures are of RL-Zoo's benchmark.md at 22e3ff2 (Stable-Baselines3 with tuned settings) unless they
say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

JUDGED = {"eval_interval": 20_000, "final_episodes": 20}


class Task(NamedTuple):
    env: str
    algo: str
    seeds: int
    bar: str
    """what is to be reached"""
    published: str
    """what others reached, and where it stands"""
    steps: int | None = None
    """None takes the preset's"""
    settings: Mapping[str, Any] = MappingProxyType({})
    by: str = "sharpwave"

    @property
    def name(self) -> str:
        return f"{self.env.replace('/', '-')}-{self.algo}" + (
            "" if self.by == "sharpwave" else "-sb3"
        )


def mujoco(env: str, algo: str, published: str) -> list[Task]:
    """100,000 steps with both libraries, the same settings, judged alike."""
    ours = Task(env, algo, 3, "SB3's", published, 100_000, JUDGED)
    return [ours, ours._replace(by="sb3", bar="–", settings={})]


TASKS = [
    Task("CartPole-v1", "dqn", 5, "500", "500 (DQN, 50k steps)"),
    Task("CartPole-v1", "rainbow", 5, "500", "500 (DQN, 50k steps)"),
    Task("CliffWalking-v1", "q-learning", 5, "−13", "−13, the optimum"),
    Task("FrozenLake-v1", "q-learning", 5, "–", "0.7442, the optimum; 0.7402 by the map alone"),
    Task("FrozenLake8x8-v1", "q-learning", 5, "–", "0.9132, the optimum; 0.8936 by the map alone"),
    Task("Taxi-v4", "q-learning", 5, "7.5", "7.93, the optimum"),
    Task("Acrobot-v1", "dqn", 5, "−85", "−76.6 (DQN, 100k)"),
    Task("MountainCar-v0", "dqn", 5, "−115", "−100.8 (DQN, 120k)"),
    Task("Pendulum-v1", "sac", 5, "−160", "−157.0 (SAC, 20k)"),
    Task("Pendulum-v1", "td3", 5, "−160", "−151.9 (TD3, 20k)"),
    Task("Pendulum-v1", "ddpg", 5, "−160", "−152.1 (DDPG, 20k)"),
    Task("LunarLander-v3", "dqn", 3, "240", "154.4 (DQN, 100k, version 2)"),
    Task(
        "MinAtar/Breakout-v0", "rainbow", 3, "above dqn", "curves at 5e6 frames (arXiv 1903.03176)"
    ),
    Task("MinAtar/Breakout-v0", "dqn", 3, "–", "curves at 5e6 frames (arXiv 1903.03176)"),
    Task(
        "MinAtar/Freeway-v0", "rainbow", 3, "above dqn", "curves at 5e6 frames (arXiv 1903.03176)"
    ),
    Task("MinAtar/Freeway-v0", "dqn", 3, "–", "curves at 5e6 frames (arXiv 1903.03176)"),
    *mujoco("HalfCheetah-v5", "sac", "9535 (1e6, version 3)"),
    *mujoco("HalfCheetah-v5", "td3", "9656 (1e6, version 3)"),
    *mujoco("Hopper-v5", "sac", "2326 (1e6, version 3)"),
    *mujoco("Hopper-v5", "td3", "3606 (1e6, version 3)"),
]
