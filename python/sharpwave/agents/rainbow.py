"""Rainbow: six of DQN's options at once.

Hessel et al. 2018, "Rainbow: combining improvements in deep reinforcement learning" (arXiv
1710.02298), Table 1.
"""

from __future__ import annotations

from typing import Any

from sharpwave.agents.dqn_config import DQNConfig

RAINBOW: dict[str, Any] = {
    "double": True,
    "dueling": True,
    "noisy": True,
    "distribution": "c51",
    "prioritized": True,
    "priority_alpha": 0.5,
    "n_step": 3,
    "adam_eps": 1.5e-4,
}


def rainbow(**settings: Any) -> DQNConfig:
    """Return the settings of Rainbow, changed by ``settings``.

    Examples
    --------
    >>> from sharpwave.agents import rainbow
    >>> config = rainbow(v_min=0.0, v_max=200.0)
    >>> config.noisy, config.n_step, config.v_max
    (True, 3, 200.0)
    """
    return DQNConfig(**{**RAINBOW, **settings})
