"""Environments as agents want them: games preprocessed as the literature does, masks in sight.

Atari follows Machado et al. 2018, "Revisiting the Arcade Learning Environment" (arXiv 1709.06009),
as Gymnasium's ids of version 5 do, and Mnih et al. 2015: frames of 84 by 84, four of them stacked,
every fourth one seen. In training a lost life ends an episode and rewards are clipped to -1, 0, 1;
in evaluation the game is played as it is.
"""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
import numpy as np

FRAMES = 4
STICKY = 0.25
"""chance that an action is repeated, in Gymnasium's version 5"""

Env = gym.Env[Any, Any]


def register(env_id: str) -> None:
    """Make known to Gymnasium the environments of a package that does not do it itself."""
    namespace = env_id.partition("/")[0]
    if namespace == "ALE":
        import ale_py

        gym.register_envs(ale_py)
    elif namespace == "MinAtar" and env_id not in gym.registry:
        from minatar.gym import register_envs

        register_envs()


def preprocess(env: Env, training: bool) -> Env:
    """Wrap an environment in what is usual for its kind; most are left alone."""
    namespace = "" if env.spec is None else str(env.spec.namespace)
    if namespace == "ALE":
        return _atari(env, training)
    return MinAtar(env) if namespace == "MinAtar" else env


def unprocessed(env_id: str) -> dict[str, Any]:
    """Return the options of `gymnasium.make` that leave the preprocessing to `preprocess`."""
    return {"frameskip": 1} if env_id.startswith("ALE/") else {}


def _atari(env: Env, training: bool) -> Env:
    env = gym.wrappers.AtariPreprocessing(env, terminal_on_life_loss=training)
    if training:
        env = gym.wrappers.TransformReward(env, _sign)
    return gym.wrappers.FrameStackObservation(env, FRAMES)


def _sign(reward: Any) -> float:
    return float(np.sign(reward))


def atari_vector(env_id: str, num_envs: int) -> Any:
    """Return several games of ALE to train in, stepped by its own threads."""
    from ale_py.vector_env import AtariVectorEnv

    name = env_id.partition("/")[2].rpartition("-")[0]
    return AtariVectorEnv(
        re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(),
        num_envs,
        episodic_life=True,
        reward_clipping=True,
        repeat_action_probability=STICKY,
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )


class MinAtar(gym.Wrapper[Any, Any, Any, Any]):
    """Forgets the last action at a reset.

    MinAtar repeats actions by chance, and would repeat the last one of the episode before: an
    episode would not be a function of its seed and of what is done in it.
    """

    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        self.env.unwrapped.game.last_action = 0  # type: ignore[attr-defined]
        return obs, info


class MaskFromInfo(gym.Wrapper[Any, Any, Any, Any]):
    """Takes the mask of allowed actions from ``info["action_mask"]`` into the observation.

    Taxi has it there, for one.

    Examples
    --------
    >>> import gymnasium as gym
    >>> from sharpwave.training.wrappers import MaskFromInfo
    >>> env = MaskFromInfo(gym.make("Taxi-v4"))
    >>> obs, _ = env.reset(seed=0)
    >>> sorted(obs), obs["action_mask"].shape
    (['action_mask', 'observation'], (6,))
    """

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        n = int(env.action_space.n)  # type: ignore[attr-defined]
        spaces = {"observation": env.observation_space, "action_mask": gym.spaces.MultiBinary(n)}
        self.observation_space = gym.spaces.Dict(spaces)

    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        return self._with_mask(obs, info), info

    def step(self, action: Any) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return self._with_mask(obs, info), reward, terminated, truncated, info

    def _with_mask(self, obs: Any, info: dict[str, Any]) -> dict[str, Any]:
        if "action_mask" not in info:
            raise ValueError(
                f"action_mask: expected in info of {self.env}, got {', '.join(info) or 'nothing'}"
            )
        return {"observation": obs, "action_mask": np.asarray(info["action_mask"], np.int8)}
