"""Agents that learn a value function from a replay buffer.

An algorithm is a file: its settings, its loss written as in the paper, and how it acts.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'the agents need PyTorch: pip install "sharpwave[train]"', name="torch"
    ) from error

from sharpwave.agents.agent import Agent, Update
from sharpwave.agents.ddpg import DDPG, DDPGConfig
from sharpwave.agents.dqn import DQN
from sharpwave.agents.dqn_config import DQNConfig
from sharpwave.agents.exploration import linear
from sharpwave.agents.networks import q_network
from sharpwave.agents.r2d2 import R2D2
from sharpwave.agents.r2d2_config import R2D2Config
from sharpwave.agents.rainbow import rainbow
from sharpwave.agents.sac import SAC, SACConfig
from sharpwave.agents.tabular import QLearning
from sharpwave.agents.tabular_config import QLearningConfig
from sharpwave.agents.td3 import TD3, TD3Config

__all__ = [
    "DDPG",
    "DQN",
    "R2D2",
    "SAC",
    "TD3",
    "Agent",
    "DDPGConfig",
    "DQNConfig",
    "QLearning",
    "QLearningConfig",
    "R2D2Config",
    "SACConfig",
    "TD3Config",
    "Update",
    "linear",
    "q_network",
    "rainbow",
]
