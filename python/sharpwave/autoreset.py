"""Where vector environments put the final observation of an episode (Gymnasium's autoreset)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpwave._nest import map_leaves

MODES = ("next_step", "same_step", "disabled")

# Gymnasium 1.x and ALE; Gymnasium 0.2x; Stable-Baselines3.
_KEYS = ("final_obs", "final_observation", "terminal_observation")


def mode_of(env: Any) -> str | None:
    """Read an environment's autoreset mode: one of ``MODES``, or None for a single environment.

    Raises
    ------
    ValueError
        A vector environment that does not say what its mode is.
    """
    if not hasattr(env, "num_envs"):
        return None
    declared = (getattr(env, "metadata", None) or {}).get("autoreset_mode")
    name = str(getattr(declared, "name", declared)).lower()
    if name not in MODES:
        raise ValueError(
            f"autoreset: this vector environment declares {declared!r} in "
            f'metadata["autoreset_mode"]; pass autoreset= one of {MODES}'
        )
    return name


def true_next_obs(next_obs: Any, info: Any, ended: NDArray[np.bool_]) -> Any:
    """Put the final observations of ended rows in place of the next episodes' first ones.

    Parameters
    ----------
    next_obs
        What ``step`` returned: an array, or dicts and tuples of arrays, with a leading axis.
    info
        The step's info: a dict with ``final_obs`` as an object array or dense arrays, or a
        sequence of one dict an environment.
    ended : ndarray of bool
        Which rows ended.

    Returns
    -------
    Same nest as ``next_obs``, copied.

    Raises
    ------
    ValueError
        An ended row has no final observation.
    """
    final = _finder(info)
    merged = map_leaves(np.array, next_obs)
    for i in np.flatnonzero(ended).tolist():
        _write(merged, i, final(i))
    return merged


def _finder(info: Any) -> Callable[[int], Any]:
    """Return the function from an ended row to its final observation."""
    if isinstance(info, Mapping):
        finals = _entry(info)
        return lambda i: _row(finals, i)
    if isinstance(info, Sequence):
        return lambda i: _entry(info[i])
    return lambda _: _entry({})


def _entry(info: Mapping[str, Any]) -> Any:
    for key in _KEYS:
        if key in info:
            return info[key]
    raise ValueError(
        f'autoreset="same_step": an episode ended, but info has none of {_KEYS}; '
        "pass the info that step() returned"
    )


def _row(finals: Any, i: int) -> Any:
    """Row ``i`` of an object array of observations, or of a nest of dense arrays."""
    if isinstance(finals, Mapping):
        return {key: _row(child, i) for key, child in finals.items()}
    if isinstance(finals, tuple):
        return tuple(_row(child, i) for child in finals)
    return finals[i]


def _write(nest: Any, i: int, row: Any) -> None:
    if row is None:
        raise ValueError(f"final_obs: expected an observation for ended row {i}, got None")
    if isinstance(nest, dict):
        for key, child in nest.items():
            _write(child, i, row[key])
    elif isinstance(nest, tuple):
        for child, part in zip(nest, row, strict=True):
            _write(child, i, part)
    else:
        nest[i] = row
