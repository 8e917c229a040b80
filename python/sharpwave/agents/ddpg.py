"""Deep deterministic policy gradient.

Lillicrap et al. 2016, "Continuous control with deep reinforcement learning" (arXiv 1509.02971),
Algorithm 1, with Gaussian noise. It is TD3 without what TD3 added: one critic, no delay, no noise in
the target.
"""

from __future__ import annotations

from dataclasses import dataclass

from sharpwave.agents.agent import Space
from sharpwave.agents.td3 import TD3, TD3Config


@dataclass(frozen=True)
class DDPGConfig(TD3Config):
    """Settings of DDPG: TD3's, with what it added left out."""

    critics: int = 1
    """critics, of which the least value is the target"""
    target_noise: float = 0.0
    """standard deviation of what is added to the target's next actions"""
    policy_delay: int = 1
    """gradient steps of the critics for each of the actor and of the targets"""


class DDPG(TD3):
    """A DDPG agent; its parameters and attributes are those of `TD3`.

    Examples
    --------
    >>> import numpy as np
    >>> import sharpwave as sw
    >>> from gymnasium.spaces import Box
    >>> agent = sw.agents.DDPG(Box(-1, 1, (3,), np.float32), Box(-2, 2, (1,), np.float32))
    >>> agent.config.critics, agent.config.policy_delay
    (1, 1)
    """

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        config: DDPGConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(observation_space, action_space, config or DDPGConfig(), seed=seed)
