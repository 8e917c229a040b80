"""Where vector environments put the final observation of an episode (Gymnasium's autoreset)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpwave._casting import cast
from sharpwave.spaces import FieldTree

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


def true_next_obs(fields: FieldTree, next_obs: Any, info: Any, ended: NDArray[np.bool_]) -> Any:
    """Put the final observations of ended rows in place of the next episodes' first ones.

    Parameters
    ----------
    fields
        What one observation is.
    next_obs
        What ``step`` returned: an array, or dicts and tuples of arrays, with a leading axis.
    info
        The step's info: a dict with ``final_obs`` as an object array or dense arrays, or a
        sequence of one dict an environment.
    ended : ndarray of bool
        Which rows ended.

    Returns
    -------
    Same nest as ``next_obs``, copied, in the fields' dtypes.

    Raises
    ------
    ValueError
        An ended row has no final observation, or one that its field cannot hold.
    """
    merged = _columns(fields, next_obs, len(ended))
    finals = _finals(info, len(ended))
    for i in np.flatnonzero(ended).tolist():
        _write(fields, merged, i, finals(i))
    return merged


def _finals(info: Any, rows: int) -> Callable[[int], Any]:
    """Return the function from an ended row to its final observation."""
    if isinstance(info, Mapping):
        entry = _entry(info)
        return lambda i: _row(entry, i, rows)
    if isinstance(info, Sequence) and len(info) == rows:
        return lambda i: _entry(info[i])
    raise _mistake(f"an info with one of {_KEYS}", info)


def _entry(info: Mapping[str, Any]) -> Any:
    for key in _KEYS:
        if key in info:
            return info[key]
    raise _mistake(f"an info with one of {_KEYS}", info)


def _row(finals: Any, i: int, rows: int) -> Any:
    """Row ``i`` of an object array of observations, or of a nest of dense arrays."""
    if isinstance(finals, Mapping):
        return {key: _row(child, i, rows) for key, child in finals.items()}
    if isinstance(finals, tuple):
        return tuple(_row(child, i, rows) for child in finals)
    if np.ndim(finals) == 0 or len(finals) != rows:
        raise _mistake(f"one observation for each of {rows} rows", finals)
    return finals[i]


def _columns(fields: FieldTree, next_obs: Any, rows: int) -> Any:
    if isinstance(fields, dict):
        return {key: _columns(child, next_obs[key], rows) for key, child in fields.items()}
    if isinstance(fields, tuple):
        pairs = zip(fields, next_obs, strict=True)
        return tuple(_columns(child, part, rows) for child, part in pairs)
    return cast(next_obs, "next_obs", fields.dtype, fields.shape, (rows,), False).copy()


def _write(fields: FieldTree, columns: Any, i: int, final: Any) -> None:
    if isinstance(fields, dict):
        if not isinstance(final, Mapping) or final.keys() != fields.keys():
            raise _mistake(f"a dict with the keys {list(fields)}", final)
        for key, child in fields.items():
            _write(child, columns[key], i, final[key])
    elif isinstance(fields, tuple):
        if not isinstance(final, tuple) or len(final) != len(fields):
            raise _mistake(f"a tuple of {len(fields)}", final)
        for child, column, part in zip(fields, columns, final, strict=True):
            _write(child, column, i, part)
    else:
        columns[i] = cast(final, "final_obs", fields.dtype, fields.shape, (), False)


def _mistake(expected: str, got: Any) -> ValueError:
    return ValueError(
        f'final_obs: autoreset="same_step" and an episode ended; expected {expected}, got {got!r}; '
        "pass the info that step() returned"
    )
