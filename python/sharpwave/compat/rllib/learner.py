"""What RLlib's algorithms need beside a buffer: a connector that takes columns, and a SACConfig."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray.rllib.algorithms import sac
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils.spaces.space_utils import BatchedNdArray

from sharpwave._nest import map_leaves
from sharpwave.compat.rllib.episodes import SampledEpisode


class SampledColumns(ConnectorV2):
    """Hands a learner the columns of a sample, not one transition after the other.

    The train batch is the same with it and without it. Where the episodes are not just what a
    buffer of this package sampled, it leaves the work to RLlib's own connectors, which follow it.

    Examples
    --------
    >>> config.training(  # doctest: +SKIP
    ...     learner_connector=lambda obs_space, action_space: SampledColumns()
    ... )
    """

    def __call__(
        self, *, batch: dict[str, Any], episodes: Sequence[SingleAgentEpisode], **context: Any
    ) -> dict[str, Any]:
        """Add the columns to a batch.

        Parameters
        ----------
        batch : dict
            The batch so far; what is in it already stays.
        episodes : sequence of SingleAgentEpisode
            What was sampled.
        **context
            Not used.

        Returns
        -------
        dict
            The batch, for each column an array of all transitions under the first one's id.
        """
        first = episodes[0] if episodes else None
        if not isinstance(first, SampledEpisode) or len(episodes) != len(first.drawn):
            return batch
        drawn = first.drawn
        for i, episode in enumerate(episodes):
            untouched = isinstance(episode, SampledEpisode) and episode.pristine
            if not untouched or episode.drawn is not drawn or episode.place != i:
                return batch
        key = (first.id_,)
        for name, column in drawn.columns().items():
            batch.setdefault(name, {key: [map_leaves(BatchedNdArray, column)]})
        return batch


class SACConfig(sac.SACConfig):
    """RLlib's ``SACConfig``, which lets buffers of other modules through.

    RLlib's own compares the type of the buffer with four names, and so refuses any other class.

    Examples
    --------
    >>> SACConfig().training(  # doctest: +SKIP
    ...     replay_buffer_config={"type": "sharpwave.compat.rllib.EpisodeReplayBuffer"}
    ... )
    """

    def validate(self) -> None:
        """Validate as RLlib does, by the name of the buffer without its module."""
        buffer = self.replay_buffer_config
        kind = buffer["type"]
        try:
            if isinstance(kind, str):
                buffer["type"] = kind.rpartition(".")[2]
            super().validate()
        finally:
            buffer["type"] = kind
