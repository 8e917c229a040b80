"""EpisodeReplayBuffer: RLlib's buffer of episodes, drawn from by rows."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_AGENT_ID, DEFAULT_MODULE_ID
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils import force_list, replay_buffers

from sharpwave.compat.rllib.episodes import Drawn, SampledEpisode, Steps, StoredEpisode
from sharpwave.compat.rllib.table import Rows, Table

ADDED = (
    "num_episodes_added", "num_env_steps_added", "num_episodes_evicted", "num_env_steps_evicted",
)  # fmt: skip
SAMPLED = (
    "num_env_steps_sampled", "num_episodes_per_sample", "num_env_steps_per_sample",
    "sampled_n_step", "num_resamples",
)  # fmt: skip


def _named(counts: Mapping[str, float]) -> dict[str, Any]:
    """Name numbers as RLlib's metrics do: of the environment, of its agent and of its module."""
    named: dict[str, Any] = dict(counts)
    for name, count in counts.items():
        name = name.replace("env_steps", "steps")
        named[f"agent_to_{name}"] = {DEFAULT_AGENT_ID: count}
        named[f"module_to_{name}"] = {DEFAULT_MODULE_ID: count}
    return named


class EpisodeReplayBuffer(replay_buffers.EpisodeReplayBuffer):
    """RLlib's ``EpisodeReplayBuffer``, with the steps of all episodes in one table of rows.

    Parameters
    ----------
    capacity : int, default 10000
        Steps to keep; beyond it whole episodes go, the oldest first.

    Other Parameters
    ----------------
    batch_size_B, batch_length_T : int
        The shape of a batch where ``sample`` is given none.
    metrics_num_episodes_for_smoothing : int, default 100

    Raises
    ------
    ValueError
        A fragment that does not go on where its episode stopped; a sample of an empty buffer.

    Notes
    -----
    - ``sample(..., sample_episodes=True)`` returns a list of episodes of one step, ``(o_t, a_t,
      R_n, o_t+n)`` with ``n_step`` and ``weights``. Each attribute is made when it is first read,
      of data that were copied by ``sample``.
    - The rows are those that RLlib draws with the same ``buffer.rng``.
    - A window that meets the end of its episode is as long as it can be, and its ``n_step`` says
      how long.
    - What is read of ``buffer.episodes[i]`` is a copy.
    - Metrics are logged by ``get_metrics``, for all calls since the last one.

    Examples
    --------
    >>> config.training(  # doctest: +SKIP
    ...     replay_buffer_config={
    ...         "type": "sharpwave.compat.rllib.EpisodeReplayBuffer",
    ...         "capacity": 100_000,
    ...     }
    ... )
    """

    def __init__(self, capacity: int = 10000, **options: Any) -> None:
        # not super(): RLlib's prioritized class would build its trees
        replay_buffers.EpisodeReplayBuffer.__init__(self, capacity, **options)
        self._clear()

    def _clear(self) -> None:
        self.episodes: deque[StoredEpisode] = deque()
        self.episode_id_to_index: dict[str, int] = {}
        self._indices: Sequence[tuple[int, int]] = ()  # Steps, once the shape of one is known
        self._stored: dict[int, StoredEpisode] = {}
        self._added: Counter[str] = Counter()
        self._sampled: Counter[str] = Counter()

    def add(self, episodes: list[SingleAgentEpisode] | SingleAgentEpisode) -> None:
        """Add episodes, or fragments that continue the episodes with their ids.

        Parameters
        ----------
        episodes : SingleAgentEpisode or list of SingleAgentEpisode
            They are copied.
        """
        for episode in force_list(episodes):
            self._insert(episode)
            while self._num_timesteps > self.capacity and len(self.episodes) > 1:
                self._evict()

    def _insert(self, episode: SingleAgentEpisode) -> Rows:
        """Write an episode or a fragment of one, and return the rows of its steps."""
        number = self.episode_id_to_index.get(episode.id_)
        if number is None:
            number = self._num_episodes_evicted + len(self.episodes)
            self.episode_id_to_index[episode.id_] = number
            self._stored[number] = StoredEpisode(episode, number)
            self.episodes.append(self._stored[number])
            self._added["num_episodes_added"] += 1
        count = len(episode)
        if count == 0:
            return np.empty(0, np.int64)
        steps = self._indices
        if not isinstance(steps, Steps):
            steps = self._indices = Steps(Table(episode))
        rows = self._stored[number].extend(episode, steps.table)
        steps.rows.frombytes(rows.tobytes())
        self._num_timesteps += count
        self._num_timesteps_added += count
        self._added["num_env_steps_added"] += count
        return rows

    def _evict(self) -> Rows:
        """Evict the oldest episode, and return the rows of its observations."""
        stored = self.episodes.popleft()
        del self._stored[self.episode_id_to_index.pop(stored.id_)]
        rows, count = stored.at(0), len(stored)
        if isinstance(self._indices, Steps):
            self._indices.remove(stored.number, count)
            self._indices.table.release(rows)
        self._num_timesteps -= count
        self._num_episodes_evicted += 1
        self._added["num_episodes_evicted"] += 1
        self._added["num_env_steps_evicted"] += count
        return rows

    def _steps(self) -> Steps:
        if not isinstance(self._indices, Steps) or not len(self._indices):
            raise ValueError("expected a buffer with at least one step, got an empty one")
        return self._indices

    def _count_of(self, num_items: int | None, batch_size: int | None) -> int:
        if num_items is not None and batch_size is not None:
            raise ValueError("expected one of num_items and batch_size_B, got both")
        return int(num_items or batch_size or self.batch_size_B)

    def _sample_batch(self, num_items: int | None = None, **options: Any) -> dict[str, Any]:
        self._steps()
        return super()._sample_batch(num_items, **options)

    def _sample_episodes(
        self,
        num_items: int | None = None,
        *,
        batch_size_B: int | None = None,  # noqa: N803
        n_step: int | tuple[int, int] | None = None,
        gamma: float = 0.99,
        include_extra_model_outputs: bool = False,
        to_numpy: bool = False,
        **options: Any,
    ) -> list[SingleAgentEpisode]:
        steps, count = self._steps(), self._count_of(num_items, batch_size_B)
        if options.get("batch_length_T") or options.get("min_batch_length_T") or n_step is None:
            episodes = super()._sample_episodes(count, n_step=n_step, gamma=gamma, **options)
            return [x.to_numpy() for x in episodes] if to_numpy else episodes
        if isinstance(n_step, tuple):  # RLlib draws a place and a length by turns
            numbers = self.rng.integers([0, n_step[0]] * count, [len(steps), n_step[1]] * count)
            rows, lengths = steps.at(numbers[::2]), numbers[1::2]
        else:
            rows, lengths = steps.at(self.rng.integers(len(steps), size=count)), n_step
        drawn = Drawn(steps.table, rows, *steps.table.walk(rows, lengths, gamma))
        return self._episodes_of(drawn, rows, include_extra_model_outputs, to_numpy)

    def _episodes_of(
        self, drawn: Drawn, rows: Rows, outputs: bool, to_numpy: bool
    ) -> list[SingleAgentEpisode]:
        """Return transitions as RLlib hands them out, and count them."""
        drawn.with_outputs = outputs
        numbers = drawn.first["episode"].tolist()
        self.sampled_timesteps += len(numbers)
        self._sampled["num_env_steps_sampled"] += len(numbers)
        self._sampled["num_episodes_per_sample"] += len(set(numbers))
        self._sampled["num_env_steps_per_sample"] += len(set(rows.tolist()))
        self._sampled["sampled_n_step"] += int(drawn.steps.sum())
        stored = self._stored
        episodes = [SampledEpisode(drawn, i, stored[x]) for i, x in enumerate(numbers)]
        return [x.to_numpy() for x in episodes] if to_numpy else episodes

    def get_metrics(self) -> Any:
        """Log what happened since the last call, and return RLlib's metrics."""
        added, sampled = self._added, self._sampled
        self._added, self._sampled = Counter(), Counter()
        if added:
            self._update_add_metrics(**_named({name: added[name] for name in ADDED}))
        if sampled:
            counts: dict[str, float] = {name: sampled[name] for name in SAMPLED}
            counts["sampled_n_step"] /= sampled["num_env_steps_sampled"]
            self._update_sample_metrics(**_named(counts))
        return super().get_metrics()

    def get_state(self) -> dict[str, Any]:
        """Return the state, in RLlib's format."""
        # not super(): RLlib's prioritized class would ask its trees
        state = replay_buffers.EpisodeReplayBuffer.get_state(self)
        return {**state, "_indices": list(self._indices)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the state of a buffer of this class or of RLlib's.

        Parameters
        ----------
        state : dict
            What ``get_state`` returned.
        """
        self._clear()
        self._num_episodes_evicted = state["_num_episodes_evicted"]
        for episode in state["episodes"]:
            self._insert(SingleAgentEpisode.from_state(episode))
        steps = self._indices
        if isinstance(steps, Steps):
            rows = [self._stored[number].rows[t] for number, t, *_ in state["_indices"]]
            steps.rows = array("q", rows)
        replay_buffers.EpisodeReplayBuffer.set_state(self, state)
        self._indices, self._added = steps, Counter()
