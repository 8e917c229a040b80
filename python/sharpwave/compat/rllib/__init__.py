"""RLlib 2.60: its episode buffers by their own names, over one table of rows.

``replay_buffer_config={"type": "sharpwave.compat.rllib.EpisodeReplayBuffer"}`` is the whole change.
"""

from __future__ import annotations

from sharpwave.compat._versions import require

require("ray", "2.60", "rllib")

from sharpwave.compat.rllib.buffer import EpisodeReplayBuffer  # noqa: E402
from sharpwave.compat.rllib.learner import SACConfig, SampledColumns  # noqa: E402
from sharpwave.compat.rllib.prioritized import PrioritizedEpisodeReplayBuffer  # noqa: E402

__all__ = ["EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer", "SACConfig", "SampledColumns"]
