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

from sharpwave.agents.dqn import DQN, DQNConfig
from sharpwave.agents.exploration import linear
from sharpwave.agents.networks import q_network

__all__ = ["DQN", "DQNConfig", "linear", "q_network"]
