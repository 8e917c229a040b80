"""What is learned against the clock, by whom, and with which settings.

Settings have sharpwave's names; each contender's page says what they are called there. Those that a peer has no
name for are what it does by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Task(NamedTuple):
    env: str
    algo: str
    steps: int
    episodes: int
    """of the greedy evaluation when all is learned"""
    contenders: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def starts(self) -> int:
        """The step from which on there is learning."""
        starts: int = self.settings["learning_starts"]
        return starts


# CleanRL's dqn.py; below the line what it does by itself.
DQN: dict[str, Any] = {
    "learning_rate": 2.5e-4,
    "buffer_size": 10_000,
    "gamma": 0.99,
    "target_update_interval": 500,
    "batch_size": 128,
    "epsilon_start": 1.0,
    "epsilon_end": 0.05,
    "exploration_fraction": 0.5,
    "learning_starts": 10_000,
    "train_freq": 10,
    # ----
    "hidden": (120, 84),
    "double": False,
    "loss": "mse",
    "max_grad_norm": None,
}

# The papers' and Stable-Baselines3's, but for a start that a short run has time for.
ACTOR_CRITIC: dict[str, Any] = {
    "hidden": (256, 256),
    "learning_rate": 3e-4,
    "batch_size": 256,
    "buffer_size": 1_000_000,
    "gamma": 0.99,
    "tau": 0.005,
    "learning_starts": 1_000,
    "train_freq": 1,
    "gradient_steps": 1,
}
TD3: dict[str, Any] = {
    **ACTOR_CRITIC,
    "exploration_noise": 0.1,
    "target_noise": 0.2,
    "target_noise_clip": 0.5,
    "policy_delay": 2,
}

# Our preset for CartPole without the clipping of gradients, which Tianshou's has not.
RAINBOW: dict[str, Any] = {
    "hidden": (128, 128),
    "learning_rate": 1e-3,
    "adam_eps": 1.5e-4,
    "batch_size": 64,
    "buffer_size": 50_000,
    "gamma": 0.99,
    "n_step": 3,
    "atoms": 51,
    "v_min": 0.0,
    "v_max": 100.0,
    "priority_alpha": 0.5,
    "priority_beta": 0.4,
    "learning_starts": 1_000,
    "train_freq": 2,
    "target_update_interval": 200,
    "max_grad_norm": None,
}

TASKS = {
    "cartpole-dqn": Task(
        "CartPole-v1", "dqn", 50_000, 100, ("sharpwave", "compiled", "cleanrl", "sb3"), DQN
    ),
    "halfcheetah-sac": Task("HalfCheetah-v5", "sac", 5_000, 10, ("sharpwave", "sb3"), ACTOR_CRITIC),
    "halfcheetah-td3": Task("HalfCheetah-v5", "td3", 5_000, 10, ("sharpwave", "sb3"), TD3),
    "cartpole-rainbow": Task(
        "CartPole-v1", "rainbow", 10_000, 100, ("sharpwave", "tianshou"), RAINBOW
    ),
}
