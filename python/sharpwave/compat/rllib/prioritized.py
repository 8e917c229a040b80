"""PrioritizedEpisodeReplayBuffer: steps drawn by their priorities from a sum tree over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils import force_list, replay_buffers

from sharpwave.compat.rllib.buffer import EpisodeReplayBuffer
from sharpwave.compat.rllib.episodes import Drawn, Steps
from sharpwave.compat.rllib.table import Rows
from sharpwave.sum_tree import SumTree

LEAST_PRIORITY = 1e-12  # RLlib's


class PrioritizedEpisodeReplayBuffer(
    EpisodeReplayBuffer, replay_buffers.PrioritizedEpisodeReplayBuffer
):
    """RLlib's ``PrioritizedEpisodeReplayBuffer``, over the same table of rows and a sum tree.

    Parameters
    ----------
    capacity : int, default 10000
        Steps to keep, as for :class:`EpisodeReplayBuffer`.
    alpha : float, default 1.0
        The exponent of the priorities.

    Other Parameters
    ----------------
    batch_size_B, batch_length_T, metrics_num_episodes_for_smoothing : int
        Those of :class:`EpisodeReplayBuffer`.

    Raises
    ------
    ValueError
        A negative alpha or beta; a sample where no episode is as long as ``n_step``.

    Notes
    -----
    - As in RLlib, a step that has fewer than ``n_step`` steps after it is drawn again, and
      priorities are given to the steps that were sampled last.
    - A priority for a step that was evicted since then is left aside.

    Examples
    --------
    >>> config.training(  # doctest: +SKIP
    ...     replay_buffer_config={
    ...         "type": "sharpwave.compat.rllib.PrioritizedEpisodeReplayBuffer",
    ...         "capacity": 100_000,
    ...         "alpha": 0.6,
    ...         "beta": 0.4,
    ...     }
    ... )
    """

    def __init__(self, capacity: int = 10000, *, alpha: float = 1.0, **options: Any) -> None:
        if not alpha >= 0:
            raise ValueError(f"alpha: expected a number of at least 0, got {alpha}")
        super().__init__(capacity, **{"batch_length_T": 1, **options})
        self._alpha = alpha

    def _clear(self) -> None:
        super()._clear()
        self._max_priority = 1.0
        self._sum_segment = SumTree(1, smallest=True)
        self._last_sampled_indices: Any = []

    def add(
        self,
        episodes: list[SingleAgentEpisode] | SingleAgentEpisode,
        weight: float | None = None,
    ) -> None:
        """Add episodes, or fragments that continue the episodes with their ids.

        Parameters
        ----------
        episodes : SingleAgentEpisode or list of SingleAgentEpisode
            They are copied. Old episodes are evicted before, with their fragments in this list.
        weight : float, optional
            The priority of the new steps, by default the largest given so far.
        """
        episodes = force_list(episodes)
        ids, gone = {x.id_ for x in episodes}, set()
        while self.episodes and len(self) + sum(map(len, episodes)) > self.capacity:
            if len(self.episodes) + len(ids - self.episode_id_to_index.keys()) == 1:
                break
            gone.add(self.episodes[0].id_)
            self._evict()
            episodes, ids = [x for x in episodes if x.id_ not in gone], ids - gone
        priority = (self._max_priority if weight is None else weight) ** self._alpha
        for episode in episodes:
            rows = self._insert(episode)
            self._grow_tree()
            self._sum_segment[rows] = np.full(len(rows), priority)

    def _grow_tree(self) -> None:
        """Give each row of the table a place."""
        rows = len(self._indices.table.columns) if isinstance(self._indices, Steps) else 1
        old = self._sum_segment
        if len(old) < rows:
            self._sum_segment = SumTree(rows, smallest=True)
            places = np.arange(len(old))
            self._sum_segment[places] = old[places]

    def _evict(self) -> Rows:
        rows = super()._evict()
        self._sum_segment[rows] = np.zeros(len(rows))
        last = np.asarray(self._last_sampled_indices, np.int64)
        self._last_sampled_indices = np.where(np.isin(last, rows), -1, last)
        return rows

    def sample(
        self,
        num_items: int | None = None,
        *,
        batch_size_B: int | None = None,  # noqa: N803
        n_step: int | tuple[int, int] | None = None,
        beta: float = 0.0,
        gamma: float = 0.99,
        include_extra_model_outputs: bool = False,
        to_numpy: bool = False,
        **options: Any,
    ) -> list[SingleAgentEpisode]:
        """Draw transitions in proportion to their priorities.

        Parameters
        ----------
        num_items, batch_size_B : int, optional
            How many.
        n_step : int or (int, int), default 1
            The length of the windows, or from which to below which to draw it.
        beta : float
            The exponent of the importance weights.
        gamma : float
            The discount of the rewards in a window.
        include_extra_model_outputs, to_numpy : bool
            Whether the episodes hold what the model said; whether they hold arrays.
        **options
            What RLlib's own class leaves aside too.

        Returns
        -------
        list of SingleAgentEpisode
            Episodes of one step, ``(o_t, a_t, R_n, o_t+n)``, with ``n_step`` and ``weights``.
        """
        if not beta >= 0:
            raise ValueError(f"beta: expected a number of at least 0, got {beta}")
        table, tree = self._steps().table, self._sum_segment
        missing = self._count_of(num_items, batch_size_B)
        found = []
        while missing:
            rows = tree.find(self.rng.random(missing) * tree.total)
            steps = n_step or 1
            if isinstance(steps, tuple):
                steps = self.rng.integers(*steps, size=missing)
            walk = table.walk(rows, steps, gamma)
            fits = walk[1] == steps
            if not fits.any() and max(map(len, self.episodes)) < np.min(steps):
                raise ValueError(
                    f"n_step: expected no more steps than the episodes have, got {n_step}"
                )
            found.append([x[fits] for x in (rows, *walk)])
            kept = int(fits.sum())
            self._sampled["num_resamples"] += missing - kept
            missing -= kept
        rows, *walked = (
            found[0] if len(found) == 1 else map(np.concatenate, zip(*found, strict=True))
        )
        drawn = Drawn(table, rows, *walked)
        drawn.weights = tree.weigh(rows, beta, tree.smallest)
        drawn.unique_ids = True  # a learner keeps the order of the batch only where ids differ
        self._last_sampled_indices = rows
        return self._episodes_of(drawn, rows, include_extra_model_outputs, to_numpy)

    def update_priorities(self, priorities: ArrayLike, module_id: str | None = None) -> None:
        """Set the priorities of the steps that were sampled last.

        Parameters
        ----------
        priorities : array_like
            One for each of them, in their order.
        module_id : str, optional
            Not used: there is one module.
        """
        rows = np.asarray(self._last_sampled_indices, np.int64)
        given = np.maximum(np.asarray(priorities, np.float64), LEAST_PRIORITY)
        if given.shape != rows.shape:
            raise ValueError(f"priorities: expected shape {rows.shape}, got {given.shape}")
        stored = rows >= 0
        self._sum_segment[rows[stored]] = given[stored] ** self._alpha
        self._max_priority = max(self._max_priority, float(given.max(initial=0.0)))
        self._last_sampled_indices = []

    def get_state(self) -> dict[str, Any]:
        """Return the state of the uniform buffer, with the priority of each step."""
        steps = self._indices
        priorities: Any = self._sum_segment[steps.at(...)] if isinstance(steps, Steps) else []
        state = {"_priorities": priorities, "_max_priority": self._max_priority}
        return {**super().get_state(), **state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the state of a buffer of this class or of RLlib's.

        Parameters
        ----------
        state : dict
            What ``get_state`` returned.
        """
        super().set_state(state)
        self._max_priority = state["_max_priority"]
        if not isinstance(self._indices, Steps):
            return
        if "_priorities" in state:
            priorities = state["_priorities"]
        else:  # RLlib's: a heap, the second half of which are the leaves
            heap = np.array(state["_sum_segment"])
            leaves = [leaf for _, _, leaf in state["_indices"]]
            priorities = heap[len(heap) // 2 :][leaves]
        self._grow_tree()
        self._sum_segment[self._indices.at(...)] = priorities
