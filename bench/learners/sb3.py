"""Stable-Baselines3's DQN, SAC and TD3.

Its DQN keeps its own loss (Huber) and its clipping of gradients.

https://stable-baselines3.readthedocs.io/en/master/modules/dqn.html
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import DQN, SAC, TD3
from stable_baselines3.common.noise import NormalActionNoise

from bench.learners.run import Learned, Run
from bench.learners.tasks import Task

KINDS = {"dqn": DQN, "sac": SAC, "td3": TD3}
RENAMED = {
    "epsilon_start": "exploration_initial_eps",
    "epsilon_end": "exploration_final_eps",
    "target_noise": "target_policy_noise",
}
OURS_ALONE = ("hidden", "double", "loss", "max_grad_norm", "exploration_noise")


def learn(run: Run) -> Learned:
    task, env = run.task, run.clock.timed(gym.make(run.task.env))
    model = KINDS[task.algo]("MlpPolicy", env, seed=run.seed, device="cpu", **settings(task, env))
    model.learn(task.steps)
    return Learned(lambda obs: model.predict(obs, deterministic=True)[0])


def settings(task: Task, env: gym.Env[Any, Any]) -> dict[str, Any]:
    """The task's, as Stable-Baselines3 has them."""
    ours = task.settings
    theirs = {RENAMED.get(name, name): x for name, x in ours.items() if name not in OURS_ALONE}
    if "exploration_noise" in ours:
        none = np.zeros(env.action_space.shape or ())
        theirs["action_noise"] = NormalActionNoise(none, none + ours["exploration_noise"])
    return {**theirs, "policy_kwargs": {"net_arch": list(ours["hidden"])}}
