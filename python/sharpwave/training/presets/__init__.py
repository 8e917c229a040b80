"""Tuned settings, a file for each environment or family of environments.

A file is named by the environment without its version, or by its namespace. Its tables are
algorithms, the first of which is the default; their keys are settings of the agent and of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from sharpwave.training.algorithms import ALGORITHMS, Algorithm
from sharpwave.training.config import TrainConfig, pick
from sharpwave.training.environments import make

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent


def load(env_id: str) -> dict[str, dict[str, Any]]:
    """Return the tables of the file that an environment has, or none at all.

    Examples
    --------
    >>> from sharpwave.training.presets import load
    >>> list(load("CartPole-v1"))[0], load("Unheard-v0")
    ('dqn', {})
    """
    namespace, _, name = env_id.rpartition("/")
    for stem in (name.rpartition("-v")[0] or name, namespace):
        path = FOLDER / f"{stem}.toml"
        if stem and path.is_file():
            return tomllib.loads(path.read_text())
    return {}


def preset(
    env_id: str, algo: str | None = None, settings: Mapping[str, Any] | None = None
) -> tuple[Any, TrainConfig]:
    """Return settings of agent and run for an environment: its preset's, changed by ``settings``.

    Parameters
    ----------
    env_id
        Of the environment.
    algo
        The algorithm; None takes the preset's first, or one that fits the action space.
    settings
        What is to be different, by name.

    Examples
    --------
    >>> from sharpwave.training import preset
    >>> agent, run = preset("CartPole-v1", settings={"steps": 1000})
    >>> type(agent).__name__, run.steps
    ('DQNConfig', 1000)
    """
    algorithm, tuned = choose(env_id, algo)
    return configs(algorithm, {**tuned, **(settings or {})})


def choose(env_id: str, algo: str | None) -> tuple[Algorithm, dict[str, Any]]:
    """Return the algorithm for an environment, and the settings that its preset has for it."""
    tables = load(env_id)
    name = algo or next(iter(tables), None) or _fitting(env_id)
    return ALGORITHMS[name], tables.get(name, {})


def configs(algorithm: Algorithm, settings: Mapping[str, Any]) -> tuple[Any, TrainConfig]:
    """Return the settings of the agent and of the run that ``settings`` are for."""
    run = TrainConfig(**pick(settings, TrainConfig))
    return algorithm.settings(**pick(settings, algorithm.config)), run


def _fitting(env_id: str) -> str:
    env = make(env_id)
    fits = "sac" if isinstance(env.action_space, gym.spaces.Box) else "dqn"
    env.close()
    return fits
