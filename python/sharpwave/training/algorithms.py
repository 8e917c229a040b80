"""The algorithms by the names that the command line has for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sharpwave.agents import (
    DDPG,
    DQN,
    R2D2,
    SAC,
    TD3,
    DDPGConfig,
    DQNConfig,
    QLearning,
    QLearningConfig,
    R2D2Config,
    SACConfig,
    TD3Config,
    rainbow,
)
from sharpwave.agents.rainbow import RAINBOW


class Algorithm(NamedTuple):
    """An agent, its settings, and what makes these from keywords."""

    agent: type[Any]
    config: type[Any]
    settings: Callable[..., Any]


ALGORITHMS = {
    "dqn": Algorithm(DQN, DQNConfig, DQNConfig),
    "rainbow": Algorithm(DQN, DQNConfig, rainbow),
    "r2d2": Algorithm(R2D2, R2D2Config, R2D2Config),
    "ddpg": Algorithm(DDPG, DDPGConfig, DDPGConfig),
    "td3": Algorithm(TD3, TD3Config, TD3Config),
    "sac": Algorithm(SAC, SACConfig, SACConfig),
    "q-learning": Algorithm(QLearning, QLearningConfig, QLearningConfig),
}


def agent_for(config: Any) -> tuple[str, type[Any]]:
    """Return the name and the class of the agent that settings are for."""
    if type(config) is DQNConfig and all(getattr(config, k) == v for k, v in RAINBOW.items()):
        return "rainbow", DQN
    for name, algorithm in ALGORITHMS.items():
        if type(config) is algorithm.config:
            return name, algorithm.agent
    known = ", ".join(algorithm.config.__name__ for algorithm in ALGORITHMS.values())
    raise ValueError(f"agent: expected one of {known}, got {type(config).__name__}")
