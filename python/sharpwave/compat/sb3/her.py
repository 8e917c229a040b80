"""Hindsight Experience Replay as Stable-Baselines3 has it (Andrychowicz et al. 2017)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer as Sb3HerReplayBuffer

from sharpwave.compat.sb3.buffers import DictReplayBuffer, Taken
from sharpwave.compat.sb3.storage import Array, Obs
from sharpwave.draws import integers

_DRAWS = 8  # of rows of unfinished episodes, before the finished ones are listed


class HerReplayBuffer(Sb3HerReplayBuffer, DictReplayBuffer):
    """SB3's ``HerReplayBuffer``: the same goals and rewards, in one gather instead of four.

    Notes
    -----
    ``ep_start``, ``ep_length``, ``infos``, ``set_env`` and ``truncate_last_trajectory`` are SB3's
    own. Only rows of finished episodes are drawn. With ``optimize_memory_usage=True`` successors
    are stored once.
    """

    def add(
        self, obs: Obs, next_obs: Obs, action: Array, reward: Array, done: Array,
        infos: Sequence[dict[str, Any]],
    ) -> None:  # fmt: skip
        """Store one step of every environment; an episode that is overwritten is forgotten whole."""
        for env in np.flatnonzero(self.ep_length[self.pos]):
            end = self.ep_start[self.pos, env] + self.ep_length[self.pos, env]
            self.ep_length[np.arange(self.pos, end) % self.buffer_size, env] = 0
        self.ep_start[self.pos] = self._current_ep_start
        if self.copy_info_dict:
            self.infos[self.pos] = infos
        DictReplayBuffer.add(self, obs, next_obs, action, reward, done, infos)
        for env in np.flatnonzero(done):
            self._compute_episode_length(int(env))

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> Any:
        """Return transitions of finished episodes, ``her_ratio`` of them with goals of hindsight."""
        rows = self._finished_rows(batch_size)
        taken = self._store.take(rows)
        relabeled = int(self.her_ratio * batch_size)
        if relabeled:
            self._relabel(rows, taken, slice(batch_size - relabeled, batch_size))
        if env is not None:
            taken["rewards"] = self._normalize_reward(taken["rewards"], env)
        return self._tensors(taken, env)

    def _finished_rows(self, count: int) -> Array:
        length = self.ep_length.reshape(-1)
        stored = self.size() * self.n_envs
        rows = integers(max(stored, 1), count)
        for _ in range(_DRAWS):
            open_rows = np.flatnonzero(length[rows] == 0)
            if not len(open_rows):
                return rows
            rows[open_rows] = integers(max(stored, 1), len(open_rows))
        finished = np.flatnonzero(length > 0)
        if not len(finished):
            raise RuntimeError(
                "Unable to sample before the end of the first episode. We recommend choosing a "
                "value for learning_starts that is greater than the maximum number of timesteps in "
                "the environment."
            )
        return finished[integers(len(finished), count)]

    def _relabel(self, rows: Array, taken: Taken, part: slice) -> None:
        step, env = rows[part] // self.n_envs, rows[part] % self.n_envs
        goals = self._sample_goals(step, env)
        taken["observations/desired_goal"][part] = goals
        taken["next_observations/desired_goal"][part] = goals
        if self.env is None:
            raise AssertionError(
                "set_env() first: the environment computes the rewards of new goals"
            )
        infos = copy.deepcopy(self.infos[step, env]) if self.copy_info_dict else [{} for _ in step]
        achieved = taken["next_observations/achieved_goal"][part]
        rewards = self.env.env_method("compute_reward", achieved, goals, infos, indices=[0])[0]
        taken["rewards"][part, 0] = rewards
