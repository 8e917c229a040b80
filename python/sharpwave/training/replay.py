"""Brings an environment back to where its journal ends, and compares observations."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch

from sharpwave._nest import map_leaves
from sharpwave.training.environments import Env, VectorEnv


def replay(env: Env, episode: tuple[int, list[Any]] | None) -> Any:
    """Reset by the episode's seed, take its actions, and return the last observation.

    None where the episode was too long to be kept, or ends before its actions do: then the
    environment is not a function of its seed and of what is done in it.
    """
    if episode is None:
        return None
    seed, actions = episode
    obs = env.reset(seed=seed)[0]
    for action in actions:
        obs, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            return None
    return obs


def stacked(env: VectorEnv, obs: list[Any]) -> Any:
    """Return observations of single environments as those of a vector environment."""
    space = env.single_observation_space
    empty: Any = gym.vector.utils.create_empty_array(space, env.num_envs)
    return gym.vector.utils.concatenate(space, obs, empty)


def copied(obs: Any) -> Any:
    """Return an observation that nobody else will change."""
    return map_leaves(np.array, obs)


def as_tensors(obs: Any) -> Any:
    """Return an observation as `torch.save` can keep it."""
    return map_leaves(lambda leaf: torch.as_tensor(np.array(leaf)), obs)


def equal(obs: Any, tensors: Any) -> bool:
    """Whether an observation is, bit for bit, what `as_tensors` kept."""
    if obs is None:
        return False
    pairs = zip(_leaves(obs), _leaves(tensors), strict=True)
    same = [np.array_equal(np.asarray(a), b.numpy()) for a, b in pairs]
    return all(same)


def _leaves(nest: Any) -> list[Any]:
    leaves: list[Any] = []
    map_leaves(leaves.append, nest)
    return leaves
