"""The observations of all episodes, one in a row, each linked to the one after it."""

from __future__ import annotations

import copy
import itertools
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer

from sharpwave._nest import map_leaves, named_leaves
from sharpwave.columns import Columns
from sharpwave.field import Field

Rows = NDArray[np.int64]

FIRST_ROWS = 1024
LINKS = {
    "reward": Field((), "float64"),
    "terminated": Field((), "bool"),
    "truncated": Field((), "bool"),
    "episode": Field((), "int64"),
    "t": Field((), "int64"),
    "next": Field((), "int64"),
}


def _stacked(items: Sequence[Any]) -> Any:
    """Make a nest of arrays of a list of nests."""
    first = items[0]
    if isinstance(first, dict):
        return {key: _stacked([item[key] for item in items]) for key in first}
    if isinstance(first, tuple):
        return tuple(_stacked(column) for column in zip(*items, strict=True))
    return np.asarray(items)


def _newest(buffer: InfiniteLookbackBuffer, count: int) -> Any:
    """Return the newest items of an episode as a nest of arrays with a time axis."""
    if buffer.finalized:
        return map_leaves(lambda leaf: np.asarray(leaf)[-count:], buffer.data)
    return _stacked(buffer.data[-count:])


def _in_order(names: Any, nest: Any) -> list[NDArray[Any]]:
    """Return the leaves of a nest in the order of the names, whatever the order of its keys."""
    if isinstance(names, dict):
        return [leaf for key in names for leaf in _in_order(names[key], nest[key])]
    if isinstance(names, tuple):
        return [leaf for pair in zip(names, nest, strict=True) for leaf in _in_order(*pair)]
    return [nest]


def _repeat_last(leaf: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate((leaf, leaf[-1:]))


class Part:
    """Observations, actions or one output of the model: a column for each leaf of the nest."""

    def __init__(self, name: str, buffer: InfiniteLookbackBuffer) -> None:
        example = _newest(buffer, 1)
        leaves = named_leaves(name, example)
        self.fields = {leaf: Field(x.shape[1:], x.dtype) for leaf, x in leaves}
        names = iter(self.fields)
        self.names = map_leaves(lambda _: next(names), example)

    def leaves(self, buffer: InfiniteLookbackBuffer, count: int) -> list[NDArray[Any]]:
        """Return the newest items of an episode, an array for each column."""
        return _in_order(self.names, _newest(buffer, count))

    def pick(self, columns: Mapping[str, NDArray[Any]], index: Any = ...) -> Any:
        """Return items as the nest that they were."""
        return map_leaves(lambda name: columns[name][index], self.names)


class Table:
    """A row for each observation, with the reward that came with it and the action chosen at it.

    At the newest observation of an episode the action is the one before, and ``next`` is the row
    itself. Rows of evicted episodes are used again.
    """

    def __init__(self, episode: SingleAgentEpisode) -> None:
        self.obs = Part("obs", episode.observations)
        self.action = Part("action", episode.actions)
        self.outputs: dict[str, Part] = {}
        self.columns = Columns({**self.obs.fields, **self.action.fields, **LINKS}, FIRST_ROWS)
        self.infos: dict[int, dict[str, Any]] = {}  # by row, those that are not empty
        self.used = 0
        self.free = array("q")

    def append(self, episode: SingleAgentEpisode, number: int, head: int | None, t: int) -> Rows:
        """Append the steps of an episode.

        Parameters
        ----------
        episode : SingleAgentEpisode
            An episode or a fragment of one, of at least one step.
        number : int
            The number of the episode.
        head : int, optional
            The row of its newest observation, at which the fragment begins.
        t : int
            How many steps there are before the fragment.

        Returns
        -------
        (n + 1,) int64 array
            The rows of the observations, the first of which is ``head``.
        """
        count = len(episode)
        outputs = self._outputs_of(episode, count)
        obs = self.obs.leaves(episode.observations, count + 1)
        if head is None:
            rows, reward = self._new_rows(count + 1), 0.0
        else:
            self._check_joint(episode, head, obs)
            rows = np.concatenate(([head], self._new_rows(count)))
            reward = self.columns["reward"][head]
        ends = np.zeros((2, count + 1), bool)
        ends[:, -1] = episode.is_terminated, episode.is_truncated
        self._write(
            rows,
            *obs,
            *map(_repeat_last, self.action.leaves(episode.actions, count)),
            np.concatenate(([reward], _newest(episode.rewards, count))),
            *ends,
            np.full(count + 1, number),
            np.arange(t, t + count + 1),
            _repeat_last(rows[1:]),
            *map(_repeat_last, outputs),
        )
        for row, info in zip(rows.tolist(), episode.infos.data[-count - 1 :], strict=True):
            if info:
                self.infos[row] = copy.deepcopy(info)
        return rows

    def release(self, rows: Rows) -> None:
        """Let rows be used again, the first of them first."""
        self.free.frombytes(rows[::-1].tobytes())
        if self.infos:
            for row in rows.tolist():
                self.infos.pop(row, None)

    def infos_of(self, rows: Rows) -> list[dict[str, Any]]:
        """Return what the environment said at rows."""
        return [self.infos.get(row, {}) for row in rows.tolist()]

    def walk(self, rows: Rows, n_step: int | Rows, gamma: float) -> tuple[Rows, Rows, Any]:
        """Return the last row of the window from each row on, its length and its return."""
        following, received = self.columns["next"], self.columns["reward"]
        last, steps, rewards = rows, np.zeros(len(rows), np.int64), []
        for i in range(int(np.max(n_step))):
            after = following[last]
            going = (after != last) & (i < np.asarray(n_step))
            last = np.where(going, after, last)
            rewards.append(np.where(going, received[after], 0.0))
            steps += going
        total = rewards.pop()
        while rewards:  # newest first, as RLlib's filter does it: equal to the last bit
            total = rewards.pop() + gamma * total
        return last, steps, total

    def _new_rows(self, count: int) -> Rows:
        again = self.free[-count:]
        del self.free[-count:]
        first, self.used = self.used, self.used + count - len(again)
        if self.used > len(self.columns):
            self._rebuild(self.columns.fields, max(len(self.columns) * 3 // 2, self.used))
        return np.array((*reversed(again), *range(first, self.used)), np.int64)

    def _rebuild(self, fields: dict[str, Field], rows: int) -> None:
        """Take the rows into a table with more of them, or with more columns."""
        old, self.columns = self.columns, Columns(fields, rows)
        for name in old.fields:
            self.columns[name][: len(old)] = old[name]

    def _outputs_of(self, episode: SingleAgentEpisode, count: int) -> list[NDArray[Any]]:
        """Return what the model said at the newest steps, an array for each column."""
        given = {key: x for key, x in episode.extra_model_outputs.items() if len(x)}
        for key in given.keys() - self.outputs.keys():
            part = self.outputs[key] = Part(f"output {key}", given[key])
            self._rebuild({**self.columns.fields, **part.fields}, len(self.columns))
        leaves: list[NDArray[Any]] = []
        for key, part in self.outputs.items():
            if key in given:
                leaves += part.leaves(given[key], count)
            else:
                leaves += [np.zeros((count, *x.shape), x.dtype) for x in part.fields.values()]
        return leaves

    def _check_joint(
        self, episode: SingleAgentEpisode, head: int, obs: Sequence[NDArray[Any]]
    ) -> None:
        for name, leaf in zip(self.obs.fields, obs, strict=True):
            if not np.array_equal(self.columns[name][head], leaf[0]):
                raise ValueError(
                    f"episode {episode.id_}: expected a fragment that begins with the observation "
                    f"at t={episode.t_started}, the last one so far, got another one"
                )

    def _write(self, rows: Rows, *values: NDArray[Any]) -> None:
        """Write rows, those that lie together at once."""
        breaks = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
        for i, j in itertools.pairwise((0, *breaks, len(rows))):
            self.columns.put(int(rows[i]), j - i, *(x[i:j] for x in values))
