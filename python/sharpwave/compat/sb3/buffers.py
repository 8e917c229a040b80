"""The buffers of ``stable_baselines3.common.buffers``, with n-step windows in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common import buffers as sb3
from stable_baselines3.common.type_aliases import DictReplayBufferSamples, ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

import sharpwave as sw
from sharpwave.batch import as_tensors
from sharpwave.compat.sb3.storage import BOOKS, Array, Compact, Obs, Plain, flat
from sharpwave.draws import integers

Taken: TypeAlias = dict[str, Array]
Shapes: TypeAlias = Any  # a shape, or a dict of shapes

_NO_TIMEOUT, _TIMEOUT = np.zeros(1, np.float32), np.ones(1, np.float32)
_ONE = np.ones((), np.float32)  # NumPy converts a Python number anew at each call
_CPU = torch.device("cpu")


class _Live:
    """A column under the name that SB3 gives it, of shape ``(buffer_size, n_envs, ...)``."""

    def __init__(self, trailing: bool = True) -> None:
        self.trailing = trailing

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, buffer: Any, owner: type | None = None) -> Any:
        if buffer is None:
            return self
        return buffer._view(self.name, self.trailing)

    def __set__(self, buffer: Any, value: Any) -> None:
        views = self.__get__(buffer)
        if isinstance(views, dict):
            for key, view in views.items():
                view[...] = value[key]
        else:
            views[...] = value


class ReplayBuffer(sb3.ReplayBuffer):
    """SB3's ``ReplayBuffer``, and with a Dict observation its ``DictReplayBuffer``.

    Parameters
    ----------
    buffer_size : int
        Transitions in all; ``buffer_size // n_envs`` for each environment.
    observation_space, action_space : gymnasium.Space
    device : torch.device or str, default "auto"
        Where samples go.
    n_envs : int, default 1
    optimize_memory_usage : bool, default False
        Store each successor once, and each frame of stacked images once. Goes with everything;
        ``observations``, ``next_observations`` and ``actions`` are then read-only.
    handle_timeout_termination : bool, default True
        Whether ``infos[i]["TimeLimit.truncated"]`` is heeded: such an end is no termination.
    n_steps : int, default 1
        The length of the windows whose rewards are summed.
    gamma : float, default 0.99
        Their discount.

    Notes
    -----
    ``observations``, ``next_observations``, ``actions``, ``rewards``, ``dones`` and ``timeouts`` are
    live: what is written to them is sampled. Draws follow ``np.random.seed``.
    """

    observations = _Live()
    next_observations = _Live()
    actions = _Live()
    rewards = _Live(trailing=False)
    dones = _Live(trailing=False)
    timeouts = _Live(trailing=False)

    pos: int

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
        *,
        n_steps: int = 1,
        gamma: float = 0.99,
    ) -> None:
        sb3.BaseBuffer.__init__(
            self, buffer_size, observation_space, action_space, device, n_envs=n_envs
        )
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.optimize_memory_usage = optimize_memory_usage
        self.handle_timeout_termination = handle_timeout_termination
        self.n_steps, self.gamma = n_steps, gamma
        action = sw.Field((self.action_dim,), self._maybe_cast_dtype(action_space.dtype))
        made = Compact if optimize_memory_usage else Plain
        fields = _fields(observation_space, self.obs_shape)
        self._store: Any = made(fields, action, self.buffer_size, n_envs)
        self._is_dict = isinstance(self.obs_shape, dict)
        self._obs_rows = _rows_of(observation_space, self.obs_shape, n_envs)
        has_rows = action_space.shape == (self.action_dim,)
        self._action_rows = None if has_rows else (n_envs, self.action_dim)

    def _view(self, name: str, trailing: bool) -> Any:
        if name in BOOKS or not self._is_dict or name == "actions":
            view = self._store.view(name)
            rest = view.shape[1:] if trailing and isinstance(view, np.ndarray) else ()
            return view.reshape(self.buffer_size, self.n_envs, *rest)
        return {
            key: self._store.view(f"{name}/{key}").reshape(self.buffer_size, self.n_envs, *shape)
            for key, shape in self.obs_shape.items()
        }

    def add(
        self, obs: Obs, next_obs: Obs, action: Array, reward: Array, done: Array,
        infos: Sequence[dict[str, Any]],
    ) -> None:  # fmt: skip
        """Store one step of every environment; ``done`` is terminated or truncated."""
        n_envs, pos = self.n_envs, self.pos
        if n_envs == 1:
            is_timeout = self.handle_timeout_termination and infos[0].get("TimeLimit.truncated")
            timeout = _TIMEOUT if is_timeout else _NO_TIMEOUT
        else:
            reward, done = reward.reshape(n_envs, 1), done.reshape(n_envs, 1)
            timeout = self._timeouts_of(infos)
        if self._obs_rows is not None:
            obs, next_obs = self._obs_rows(obs), self._obs_rows(next_obs)
        if self._action_rows is not None:
            action = action.reshape(self._action_rows)
        self._store.put(pos * n_envs, n_envs, obs, next_obs, action, reward, done, timeout)
        self.pos = pos + 1
        if self.pos == self.buffer_size:
            self.full, self.pos = True, 0

    def _timeouts_of(self, infos: Sequence[dict[str, Any]]) -> Array:
        if not self.handle_timeout_termination:
            return np.zeros((self.n_envs, 1), np.float32)
        ends = [[info.get("TimeLimit.truncated", False)] for info in infos]
        return np.array(ends, np.float32)

    def reset(self) -> None:
        """Forget every row."""
        super().reset()
        self._store.clear()

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> Any:
        """Return ``batch_size`` transitions as tensors, normalized by ``env`` if one is given."""
        return self._get_samples(integers(self.size(), batch_size), env=env)

    def _get_samples(self, batch_inds: Array, env: VecNormalize | None = None) -> Any:
        rows = batch_inds
        if self.n_envs > 1:
            rows = rows * self.n_envs + integers(self.n_envs, len(rows))
        return self._samples(rows, env)

    def _samples(self, rows: Array, env: VecNormalize | None) -> Any:
        if self.n_steps > 1:
            return self._tensors(self._windows(rows, env), env)
        taken = self._store.take(rows)
        if env is not None:
            taken["rewards"] = self._normalize_reward(taken["rewards"], env)
        return self._tensors(taken, env)

    def _windows(self, rows: Array, env: VecNormalize | None) -> Taken:
        """The first step of each window, and what its last step ends with."""
        last, reward, discount = self._store.books.n_step(
            rows, reward="rewards", ends=("dones", "timeouts"), n_step=self.n_steps,
            gamma=self.gamma, newest=(self.pos - 1) % self.buffer_size, environments=self.n_envs,
        )  # fmt: skip
        if env is not None:
            reward = self._normalized_sum(rows, last, env)
        taken = self._store.take(rows, self._store.begin)
        taken.update(self._store.take(last, self._store.end))
        taken["rewards"], taken["discounts"] = reward[:, None], discount[:, None]
        return taken

    def _normalized_sum(self, rows: Array, last: Array, env: VecNormalize) -> Array:
        """Each reward is normalized, and clipped, before it is summed."""
        step = np.arange(self.n_steps)
        length = (last - rows) // self.n_envs % self.buffer_size + 1
        at = (rows[:, None] + step * self.n_envs) % (self.buffer_size * self.n_envs)
        rewards = self._normalize_reward(self._store.books["rewards"][at, 0], env)
        discounted = rewards * self.gamma**step * (step < length[:, None])
        return discounted.sum(axis=1).astype(np.float32)

    def _tensors(self, taken: Taken, env: VecNormalize | None) -> Any:
        taken["dones"] *= _ONE - taken.pop("timeouts")  # only ends that are not due to time
        if env is not None:
            for name in ("observations", "next_observations"):
                taken.update(flat(name, self._normalize_obs(self._nested(taken, name), env)))
        columns = as_tensors(taken, None if self.device == _CPU else self.device)
        if self._is_dict:
            obs, next_obs = (
                self._nested(columns, n) for n in ("observations", "next_observations")
            )
            return DictReplayBufferSamples(
                obs, columns["actions"], next_obs, columns["dones"], columns["rewards"],
                columns.get("discounts"),
            )  # fmt: skip
        return ReplayBufferSamples(**columns)

    def _nested(self, columns: dict[str, Any], name: str) -> Any:
        if self._is_dict:
            return {key: columns[f"{name}/{key}"] for key in self.obs_shape}
        return columns[name]


def _fields(space: Any, shapes: Shapes) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _fields(space[key], shape) for key, shape in shapes.items()}
    return sw.Field(shapes, space.dtype)


class _Rows:
    """Gives observations the shape of rows, where a Discrete one comes without an axis of its own."""

    def __init__(self, shapes: Shapes, n_envs: int) -> None:
        self.shapes, self.n_envs = shapes, n_envs

    def __call__(self, obs: Obs) -> Obs:
        if not isinstance(self.shapes, dict):
            return obs.reshape(self.n_envs, *self.shapes)
        return {key: obs[key].reshape(self.n_envs, *shape) for key, shape in self.shapes.items()}


def _rows_of(space: spaces.Space[Any], shapes: Shapes, n_envs: int) -> _Rows | None:
    leaves = space.spaces.values() if isinstance(space, spaces.Dict) else [space]
    has_discrete = any(isinstance(leaf, spaces.Discrete) for leaf in leaves)
    return _Rows(shapes, n_envs) if has_discrete else None


class DictReplayBuffer(ReplayBuffer, sb3.DictReplayBuffer):
    """SB3's ``DictReplayBuffer``; see :class:`ReplayBuffer`."""


class NStepReplayBuffer(ReplayBuffer, sb3.NStepReplayBuffer):
    """SB3's ``NStepReplayBuffer``; see :class:`ReplayBuffer`."""

    def __init__(self, *args: Any, n_steps: int = 3, gamma: float = 0.99, **options: Any) -> None:
        ReplayBuffer.__init__(self, *args, n_steps=n_steps, gamma=gamma, **options)
