"""Transitions from elsewhere: plain arrays and Minari datasets, in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sharpwave._nest import map_leaves
from sharpwave.field import Field

if TYPE_CHECKING:
    from sharpwave.replay_buffer import ReplayBuffer

Bools = NDArray[np.bool_]


def fields_like(values: Any, name: str) -> Any:
    """Return fields for nested arrays of rows: shape and dtype of one row of each."""

    def field(array: Any) -> Field:
        if np.ndim(array) == 0:
            raise ValueError(f"{name}: expected arrays with an axis of rows, got {array!r}")
        return Field(np.shape(array)[1:], np.asarray(array).dtype)

    return map_leaves(field, values)


def rows_in(values: Any) -> int:
    """Return how many rows nested arrays have, by the first one."""
    while isinstance(values, (dict, tuple)):
        values = next(iter(values.values() if isinstance(values, dict) else values))
    return len(values)


def extend_with(
    buffer: ReplayBuffer,
    obs: Any,
    action: Any,
    reward: Any,
    terminated: Any,
    truncated: Any,
    next_obs: Any,
    extra: dict[str, Any],
) -> None:
    """Add a stream of rows; without ``next_obs`` those whose successor is known.

    A terminated row has no successor and needs none: its own obs stands there.
    """
    terminated, truncated = np.asarray(terminated, bool), np.asarray(truncated, bool)
    if next_obs is not None:
        buffer.extend(obs, action, reward, next_obs, terminated, truncated, **extra)
        return
    for first, end in _known(rows_in(obs), terminated, truncated):
        rows = np.arange(first, end)
        buffer.extend(
            _taken(obs, rows),
            _taken(action, rows),
            _taken(reward, rows),
            _taken(obs, rows + ~terminated[rows]),
            terminated[rows],
            truncated[rows],
            **_taken(extra, rows),
        )
        if not (terminated | truncated)[end - 1]:
            buffer.end_episode()


def _known(rows_of_obs: int, terminated: Bools, truncated: Bools) -> Iterator[tuple[int, int]]:
    """Yield the ranges of rows whose successor is known, or not needed as they terminated.

    Of a row that was truncated it is not there: what follows begins another episode.
    """
    rows = len(terminated)
    is_lost = truncated & ~terminated
    if rows_of_obs == rows + 1:
        is_lost[-1:] = False
    elif rows_of_obs == rows:
        is_lost[-1:] |= ~terminated[-1:]
    else:
        raise ValueError(
            f"obs: expected {rows} rows, or {rows + 1} with the last observation, got {rows_of_obs}"
        )
    first = 0
    for lost in [*np.flatnonzero(is_lost).tolist(), rows]:
        if first < lost:
            yield first, lost
        first = lost + 1


def _taken(nest: Any, rows: NDArray[np.intp]) -> Any:
    return map_leaves(lambda array: np.asarray(array)[rows], nest)


def extend_with_episode(buffer: ReplayBuffer, episode: Any) -> None:
    """Add an episode of a Minari dataset, which has one observation more than it has steps."""
    obs = episode.observations
    buffer.extend(
        map_leaves(lambda array: array[:-1], obs),
        episode.actions,
        episode.rewards,
        map_leaves(lambda array: array[1:], obs),
        episode.terminations,
        episode.truncations,
    )
    if not (episode.terminations[-1] or episode.truncations[-1]):
        buffer.end_episode()


# Bits of a listing's flags: what ends an episode, and whether the row behind begins with this
# one's successor.
_TERMINATED, _TRUNCATED, _CUT, _CONTINUES = 1, 2, 4, 16
_ENDS = _TERMINATED | _TRUNCATED | _CUT


def episodes_of(buffer: ReplayBuffer) -> Iterator[dict[str, Any]]:
    """Yield what is stored as Minari's episodes: runs of rows that hang together."""
    index, flags = buffer._listing()
    goes_on = (flags & _CONTINUES != 0) & (flags & _ENDS == 0)
    first = 0
    for last in np.flatnonzero(~goes_on).tolist():
        rows = buffer.rows(index[first : last + 1], n_step=1)
        yield {
            "observations": _with_last(rows.obs, rows.next_obs),
            "actions": map_leaves(np.copy, rows.action),
            "rewards": np.copy(rows.reward),
            "terminations": np.copy(rows.terminated),
            "truncations": np.copy(rows.truncated),
        }
        first = last + 1


def _with_last(obs: Any, next_obs: Any) -> Any:
    """Return the observations of a run of rows, and the last one's successor behind them."""
    if isinstance(obs, dict):
        return {key: _with_last(obs[key], next_obs[key]) for key in obs}
    if isinstance(obs, tuple):
        return tuple(_with_last(a, b) for a, b in zip(obs, next_obs, strict=True))
    return np.concatenate([obs, next_obs[-1:]])


def space_of(fields: Any) -> Any:
    """Return a Gymnasium space of all values that the fields' batches can hold."""
    from gymnasium import spaces

    if isinstance(fields, dict):
        return spaces.Dict({key: space_of(child) for key, child in fields.items()})
    if isinstance(fields, tuple):
        return spaces.Tuple([space_of(child) for child in fields])
    dtype = fields.dtype if fields.sample_as is None else fields.sample_as
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, fields.shape, dtype.type)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return spaces.Box(low, high, fields.shape, dtype.type)
