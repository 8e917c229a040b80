"""Episodes over the table: those that a buffer holds, and those that it hands out."""

from __future__ import annotations

import copy
import copyreg
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.rllib.env.single_agent_episode import _REWARDS_BOX_SPACE, SingleAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer
from ray.rllib.utils.spaces.space_utils import get_base_struct_from_space

from sharpwave.compat.rllib.table import Rows, Table


def _lookback_buffer(data: Any, lookback: int = 0) -> InfiniteLookbackBuffer:
    buffer = InfiniteLookbackBuffer(data)
    buffer.lookback = lookback  # given to it with a dict, it would count the keys
    return buffer


class StoredEpisode:
    """An episode of a buffer. Its data lie in the table; what is read of it is a copy."""

    KEPT = ("agent_id", "module_id", "multi_agent_episode_id", "observation_space", "action_space")

    def __init__(self, episode: SingleAgentEpisode, number: int) -> None:
        self.id_, self.number = episode.id_, number
        self.kept = {name: getattr(episode, name) for name in self.KEPT}
        spaces = episode.observation_space, episode.action_space
        self.spaces = [(space, get_base_struct_from_space(space)) for space in spaces]
        self.t = self.t_started = episode.t_started
        self.is_terminated = self.is_truncated = False
        self.custom_data: dict[Any, Any] = {}
        self.rows = array("q")
        self.table: Table | None = None

    def __len__(self) -> int:
        return int(self.t - self.t_started)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # pickle and copy ask before anything is there
            raise AttributeError(name)
        return getattr(self.slice(slice(None)), name)

    def extend(self, episode: SingleAgentEpisode, table: Table) -> Rows:
        """Append a fragment, and return the rows of its steps."""
        if self.is_terminated or self.is_truncated or self.t != episode.t_started:
            state = "has ended" if self.is_terminated or self.is_truncated else "goes on"
            raise ValueError(
                f"episode {self.id_}: expected a fragment that continues it, got one of "
                f"t={episode.t_started} where it {state} at t={self.t}"
            )
        head = self.rows[-1] if self.rows else None
        rows = table.append(episode, self.number, head, len(self))
        self.rows.frombytes(rows[0 if head is None else 1 :].tobytes())
        self.table, self.t = table, episode.t
        self.is_terminated, self.is_truncated = episode.is_terminated, episode.is_truncated
        if episode.custom_data:
            self.custom_data.update(copy.deepcopy(episode.custom_data))
        return rows[:-1]

    def at(self, start: int, stop: int | None = None) -> Rows:
        """Return the rows of its observations from one time step up to another."""
        return np.frombuffer(self.rows, np.int64)[start:stop].copy()

    def slice(self, steps: slice, *, len_lookback_buffer: int | None = None) -> SingleAgentEpisode:
        """Return some of its steps as an episode of RLlib's class."""
        start, stop, _ = steps.indices(len(self))
        lookback = min(len_lookback_buffer or 0, start)
        episode = SingleAgentEpisode(
            self.id_,
            **self.kept,
            **({} if self.table is None else self._data(start - lookback, stop, lookback)),
            t_started=self.t_started + start,
            len_lookback_buffer=0,
            terminated=self.is_terminated and stop == len(self),
            truncated=self.is_truncated and stop == len(self),
        )
        episode.custom_data.update(self.custom_data)
        return episode

    def _data(self, start: int, stop: int, lookback: int) -> dict[str, Any]:
        assert self.table is not None
        table, rows = self.table, self.at(start, stop + 1)
        taken = table.columns.take(rows)
        data = {
            "observations": table.obs.pick(taken),
            "actions": table.action.pick(taken, slice(-1)),
            "rewards": taken["reward"][1:],
            "infos": table.infos_of(rows),
        }
        said = {key: part.pick(taken, slice(-1)) for key, part in table.outputs.items()}
        return {
            **{name: _lookback_buffer(x, lookback) for name, x in data.items()},
            "extra_model_outputs": {key: _lookback_buffer(x, lookback) for key, x in said.items()},
        }


class Steps(Sequence[tuple[int, int]]):
    """The rows of all steps in the order of their arrival, for RLlib pairs of an episode and a t."""

    def __init__(self, table: Table) -> None:
        self.table, self.rows = table, array("q")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        columns, row = self.table.columns, self.rows[place]
        return int(columns["episode"][row]), int(columns["t"][row])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        columns, rows = self.table.columns, self.at(...)
        return zip(columns["episode"][rows].tolist(), columns["t"][rows].tolist(), strict=True)

    def at(self, places: Any) -> Rows:
        """Return the rows at places."""
        return np.frombuffer(self.rows, np.int64)[places].copy()

    def remove(self, number: int, count: int) -> None:
        """Remove the steps of the oldest episode: all of them lie near the beginning."""
        seen, left = 0, np.empty(0, bool)
        while left.size - left.sum() < count:
            seen = min(2 * seen + count, len(self))
            left = self.table.columns["episode"][self.at(slice(seen))] != number
        self.rows[:seen] = array("q", self.at(slice(seen))[left].tobytes())


class Drawn:
    """The transitions of one call of ``sample``, in columns."""

    def __init__(self, table: Table, rows: Rows, last: Rows, steps: Rows, returns: Any) -> None:
        self.table, self.steps, self.returns = table, steps, returns
        self.first = table.columns.take(rows)
        self.last = table.columns.take(last)
        self.infos = table.infos_of(rows), table.infos_of(last)
        self.weights: NDArray[Any] = np.ones(len(rows))
        self.with_outputs = False
        self.unique_ids = False

    def __len__(self) -> int:
        return len(self.steps)

    def outputs(self, index: Any = ...) -> dict[str, Any]:
        """Return the extra model outputs, with ``n_step`` and ``weights`` among them."""
        parts = self.table.outputs if self.with_outputs else {}
        said = {key: part.pick(self.first, index) for key, part in parts.items()}
        return {**said, "n_step": self.steps[index], "weights": self.weights[index]}

    def columns(self) -> dict[str, Any]:
        """Return the columns of a train batch, by RLlib's names."""
        return {
            "obs": self.table.obs.pick(self.first),
            "new_obs": self.table.obs.pick(self.last),
            "actions": self.table.action.pick(self.first),
            "rewards": self.returns,
            "terminateds": self.last["terminated"],
            "truncateds": self.last["truncated"],
            **self.outputs(),
        }


_REWARD = (_REWARDS_BOX_SPACE, get_base_struct_from_space(_REWARDS_BOX_SPACE))


def _items(*values: Any, space: tuple[Any, Any] = (None, None)) -> InfiniteLookbackBuffer:
    """Make a lookback buffer past its constructor, which looks through the space each time."""
    buffer = InfiniteLookbackBuffer.__new__(InfiniteLookbackBuffer)
    buffer.data, buffer.lookback, buffer.finalized = list(values), 0, False
    buffer._space, buffer._space_struct = space
    return buffer


class SampledEpisode(SingleAgentEpisode):
    """A transition as an episode of one step, each attribute of which is made when it is read."""

    __slots__ = ("drawn", "place", "pristine", "source")

    def __init__(self, drawn: Drawn, place: int, source: StoredEpisode) -> None:
        self.drawn, self.place, self.source = drawn, place, source
        self.pristine = True

    def __len__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        if name not in SingleAgentEpisode.__slots__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self._make(name)
        setattr(self, name, value)
        self.pristine = False
        return value

    def _make(self, name: str) -> Any:
        drawn, i, source = self.drawn, self.place, self.source
        pick_obs = drawn.table.obs.pick
        match name:
            case "id_":
                return f"{source.id_}_{i}" if drawn.unique_ids else source.id_
            case "observations":
                pair = pick_obs(drawn.first, i), pick_obs(drawn.last, i)
                return _items(*pair, space=source.spaces[0])
            case "actions":
                return _items(drawn.table.action.pick(drawn.first, i), space=source.spaces[1])
            case "rewards":
                return _items(drawn.returns[i], space=_REWARD)
            case "infos":
                return _items(*(infos[i] for infos in drawn.infos))
            case "extra_model_outputs":
                return {key: _items(value) for key, value in drawn.outputs(i).items()}
            case "is_terminated" | "is_truncated":
                return bool(drawn.last[name[3:]][i])
            case "t_started" | "t":
                return int(drawn.first["t"][i]) + (name == "t")
            case "_custom_data":
                return {}
        return source.kept.get(name.removeprefix("_"))

    def __reduce__(self) -> Any:
        state = {name: getattr(self, name) for name in SingleAgentEpisode.__slots__}
        return copyreg.__newobj__, (SingleAgentEpisode,), (None, state)  # type: ignore[attr-defined]
