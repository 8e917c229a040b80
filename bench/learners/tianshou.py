"""Tianshou's RainbowDQN, as its own ``test/discrete/test_rainbow.py`` and ``examples/atari`` write it.

Its C51 is double wherever it has a target network. The last hidden layer is in each of the two streams and noisy,
as in `RainbowNet` and as ours is. Noise explores, so epsilon is 0.

https://tianshou.org/en/stable/03_api/algorithm/modelfree/rainbow.html
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from tianshou.algorithm import RainbowDQN
from tianshou.algorithm.modelfree.c51 import C51Policy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, CollectStats, PrioritizedVectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.discrete import NoisyLinear
from tianshou.utils.torch_utils import policy_within_training_step

from bench.learners.run import Learned, Run
from bench.learners.tasks import Task


def learn(run: Run) -> Learned:
    task, settings = run.task, run.task.settings
    np.random.seed(run.seed)  # noqa: NPY002 - where Tianshou draws from
    torch.manual_seed(run.seed)
    envs = DummyVectorEnv([lambda: run.clock.timed(gym.make(task.env))])
    envs.seed(run.seed)
    algorithm = rainbow(task, envs)
    buffer = PrioritizedVectorReplayBuffer(
        settings["buffer_size"],
        buffer_num=1,
        alpha=settings["priority_alpha"],
        beta=settings["priority_beta"],
        weight_norm=True,
    )
    collector = Collector[CollectStats](algorithm, envs, buffer, exploration_noise=True)
    with policy_within_training_step(algorithm.policy):
        collector.reset()
        collector.collect(n_step=task.starts, random=True)
    algorithm.run_training(parameters(task, collector, buffer))
    algorithm.policy.eval()
    return Learned(torch.no_grad()(algorithm.policy.compute_action))


def rainbow(task: Task, envs: DummyVectorEnv) -> RainbowDQN:
    settings, (space,), (actions,) = task.settings, envs.observation_space, envs.action_space
    shared, stream = settings["hidden"][:-1], settings["hidden"][-1:]
    noisy = {"hidden_sizes": stream, "linear_layer": partial(NoisyLinear, noisy_std=0.5)}
    net = Net(
        state_shape=space.shape,
        action_shape=actions.n,
        hidden_sizes=shared,
        softmax=True,
        num_atoms=settings["atoms"],
        dueling_param=(noisy, noisy),
    )
    policy = C51Policy(
        model=net,
        action_space=actions,
        num_atoms=settings["atoms"],
        v_min=settings["v_min"],
        v_max=settings["v_max"],
    )
    return RainbowDQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=settings["learning_rate"], eps=settings["adam_eps"]),
        gamma=settings["gamma"],
        n_step_return_horizon=settings["n_step"],
        # Counted in gradient steps here.
        target_update_freq=settings["target_update_interval"] // settings["train_freq"],
    )


def parameters(
    task: Task, collector: Collector[CollectStats], buffer: Any
) -> OffPolicyTrainerParams:
    """What its trainer is told: rounds of collecting and learning, and no tests on the way."""
    settings = task.settings
    beta, steps = settings["priority_beta"], task.steps - task.starts

    def anneal(_epoch: int, step: int) -> None:
        buffer.set_beta(beta + (1 - beta) * min((step + task.starts) / task.steps, 1))

    return OffPolicyTrainerParams(
        training_collector=collector,
        max_epochs=1,
        epoch_num_steps=steps,
        collection_step_num_env_steps=settings["train_freq"],
        update_step_num_gradient_steps_per_sample=1 / settings["train_freq"],
        batch_size=settings["batch_size"],
        training_fn=anneal,
        verbose=False,
        show_progress=False,
    )
