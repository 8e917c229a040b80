"""EnvPool's environments as Gymnasium's vector environments, to train in.

EnvPool speaks Gymnasium's language, but its spaces are those of one environment, it is no
`gymnasium.vector.VectorEnv`, and it takes its seed when it is made, not when it is reset.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space


class EnvPool(gym.vector.VectorEnv[Any, Any, Any]):
    """A synchronous pool, made by ``envpool.make(task, "gymnasium", num_envs=N, seed=S)``.

    An environment that has ended is reset by its next step, which is no transition.

    Examples
    --------
    >>> import envpool  # doctest: +SKIP
    >>> pool = envpool.make("CartPole-v1", "gymnasium", num_envs=8, seed=0)  # doctest: +SKIP
    >>> train(EnvPool(pool), eval_env="CartPole-v1")  # doctest: +SKIP
    """

    def __init__(self, pool: Any) -> None:
        config = pool.config
        if config["batch_size"] not in (0, config["num_envs"]):
            raise ValueError(
                f"envpool: expected a pool that steps all {config['num_envs']} environments at once, "
                f"got batch_size={config['batch_size']}; leave batch_size out"
            )
        self._pool = pool
        self.num_envs = int(config["num_envs"])
        self.single_observation_space = pool.observation_space
        self.single_action_space = pool.action_space
        self.observation_space = batch_space(pool.observation_space, self.num_envs)
        self.action_space = batch_space(pool.action_space, self.num_envs)
        self.metadata = {"autoreset_mode": gym.vector.AutoresetMode.NEXT_STEP}

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments; the seed is the pool's own."""
        obs, info = self._pool.reset()
        return obs, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step all environments."""
        dtype = self.single_action_space.dtype
        obs, reward, terminated, truncated, info = self._pool.step(np.asarray(actions, dtype))
        return obs, reward, terminated, truncated, info

    def close_extras(self, **_: Any) -> None:
        """Close the pool."""
        self._pool.close()
