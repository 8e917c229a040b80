"""Stops a run at the first number that is not one, and says where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

Check = Callable[[Any, Any, int], None]


def finite(observation_space: spaces.Space[Any], name: str) -> Check:
    """Return a check of ``(obs, reward, step)``, with or without a leading axis of environments.

    Raises FloatingPointError that names the environment, the step and the field.
    """
    leaves = _float_leaves(observation_space, ())

    def check(obs: Any, reward: Any, step: int) -> None:
        reward = np.asarray(reward)
        if _suspect(reward):
            _locate(reward, name, "reward", step)
        for path in leaves:
            leaf = np.asarray(_follow(obs, path))
            if _suspect(leaf):
                _locate(leaf, name, ".".join(("next_obs", *map(str, path))), step)

    return check


def _float_leaves(space: spaces.Space[Any], path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    parts: Mapping[Any, Any] = {}
    if isinstance(space, spaces.Dict):
        parts = space.spaces
    elif isinstance(space, spaces.Tuple):
        parts = dict(enumerate(space.spaces))
    found = [leaf for key, part in parts.items() for leaf in _float_leaves(part, (*path, key))]
    is_float = isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating)
    return [path] if is_float else found


def _follow(obs: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        obs = obs[key]
    return obs


def _suspect(values: np.ndarray[Any, Any]) -> bool:
    # One product instead of a test of every number; it may also be large numbers that overflow.
    square = float(np.vdot(values, values))
    return square - square != 0.0


def _locate(values: np.ndarray[Any, Any], name: str, field: str, step: int) -> None:
    wrong = np.argwhere(~np.isfinite(values.astype(np.float64)))
    if not len(wrong):
        return
    where = tuple(int(i) for i in wrong[0])
    place = f"[{', '.join(map(str, where))}]" if where else ""
    raise FloatingPointError(
        f"{name}: {field}{place} is {values[where]} at step {step}: expected finite numbers; "
        "a run that learned from it would be lost"
    )
