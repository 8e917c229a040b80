"""CleanRL's buffers: ``from sharpwave.compat.cleanrl import ReplayBuffer`` is the whole change.

CleanRL is scripts and not a package, so there is no version to check: the signatures are those of
``cleanrl_utils/buffers.py`` and ``cleanrl/rainbow_atari.py`` at its commit fe8d8a0.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sharpwave.batch import as_tensors
from sharpwave.columns import Columns
from sharpwave.draws import integers
from sharpwave.field import Field
from sharpwave.sum_tree import SumTree

__all__ = ["PrioritizedBatch", "PrioritizedReplayBuffer", "ReplayBuffer", "ReplayBufferSamples"]


class ReplayBufferSamples(NamedTuple):
    """Rows of a :class:`ReplayBuffer`; dones and rewards are float32 of shape (B, 1)."""

    observations: torch.Tensor
    actions: torch.Tensor
    next_observations: torch.Tensor
    dones: torch.Tensor
    rewards: torch.Tensor


class PrioritizedBatch(NamedTuple):
    """Rows of a :class:`PrioritizedReplayBuffer`; numbers have the shape (B, 1)."""

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    next_observations: torch.Tensor
    dones: torch.Tensor
    indices: NDArray[np.int64]
    weights: torch.Tensor


class _Live:
    """A column as CleanRL's array: reading gives a view of it, assigning writes into it."""

    def __init__(self, column: str) -> None:
        self.column = column

    def __get__(self, buffer: Any, owner: type) -> Any:
        if buffer is None:
            return self
        if self.column not in buffer._columns.fields:
            raise AttributeError(f"this buffer has no {self.column}")
        column = buffer._columns[self.column]
        return column.reshape(*buffer._leading, *column.shape[1:])

    def __set__(self, buffer: Any, values: Any) -> None:
        self.__get__(buffer, type(buffer))[...] = values


class ReplayBuffer:
    """``cleanrl_utils.buffers.ReplayBuffer`` over compiled rows.

    Parameters
    ----------
    buffer_size : int
        How many transitions are kept in all, ``buffer_size // n_envs`` steps.
    observation_space, action_space
        A single environment's Box, Discrete, MultiDiscrete or MultiBinary space.
    device : torch.device or str
        Where samples go, "auto" being CUDA where there is one.
    n_envs : int
    optimize_memory_usage : bool
        Store successors once, as the next step's observation. One that differs from it, as the
        last of a truncated episode does, is kept apart: every row is what was added.
    handle_timeout_termination : bool
        Sample a done as 0 where ``infos`` say ``TimeLimit.truncated``.

    Raises
    ------
    NotImplementedError
        A Dict, Tuple or other space without a shape.

    Attributes
    ----------
    observations, next_observations, actions : ndarray of shape (buffer_size, n_envs, ...)
        Live and writable. With ``optimize_memory_usage`` there are no ``next_observations``.
    rewards, dones, timeouts : ndarray of float32, shape (buffer_size, n_envs)
    pos, full, device
        Where the next step goes, whether it replaces one, where samples go. May be set.

    Examples
    --------
    >>> import gymnasium as gym, numpy as np
    >>> from sharpwave.compat.cleanrl import ReplayBuffer
    >>> box, discrete = gym.spaces.Box(-1, 1, (4,)), gym.spaces.Discrete(2)
    >>> rb = ReplayBuffer(1000, box, discrete, "cpu", handle_timeout_termination=False)
    >>> obs = np.zeros((1, 4), "float32")
    >>> rb.add(obs, obs, np.array([1]), np.array([0.5]), np.array([False]), {})
    >>> rb.sample(32).rewards.shape
    torch.Size([32, 1])
    """

    observations = _Live("observations")
    next_observations = _Live("next_observations")
    actions = _Live("actions")
    rewards = _Live("rewards")
    dones = _Live("dones")
    timeouts = _Live("timeouts")

    def __init__(
        self,
        buffer_size: int,
        observation_space: Any,
        action_space: Any,
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
    ) -> None:
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.observation_space, self.action_space = observation_space, action_space
        self.obs_shape = _shape_of(observation_space)
        self.action_dim = math.prod(_shape_of(action_space))
        self.pos, self.full = 0, False
        self.device = _device(device)
        self.n_envs = n_envs
        self.optimize_memory_usage = optimize_memory_usage
        self.handle_timeout_termination = handle_timeout_termination
        self._leading = (self.buffer_size, n_envs)
        self._columns = self._allocate()
        self._apart: dict[int, NDArray[Any]] = {}  # successors by row, where its flag is set

    def _allocate(self) -> Columns:
        obs = Field(self.obs_shape, self.observation_space.dtype)
        dtype = self.action_space.dtype
        action = Field((self.action_dim,), "float32" if dtype == np.float64 else dtype)
        is_row = self.observation_space.shape and self.action_space.shape == (self.action_dim,)
        self._has_scalars = not is_row
        self._no_timeouts = np.zeros(self.n_envs, "float32")
        fields = {"observations": obs, "actions": action}
        if self.optimize_memory_usage:
            fields["is_apart"] = Field((), "bool")
        else:
            fields["next_observations"] = obs
        fields |= {"dones": Field(), "rewards": Field(), "timeouts": Field()}
        return Columns(fields, self.buffer_size * self.n_envs)

    def add(self, obs: Any, next_obs: Any, action: Any, reward: Any, done: Any, infos: Any) -> None:
        """Store a step of every environment.

        Parameters
        ----------
        obs, next_obs, action : arrays of shape (n_envs, ...)
            ``next_obs`` is the true successor, never the next episode's first observation.
        reward, done : arrays of shape (n_envs,)
            ``done`` is termination, unless ``handle_timeout_termination`` tells them apart.
        infos : sequence of dicts, or a vector environment's dict of arrays

        Raises
        ------
        ValueError
            Shapes that do not fit. Nothing was stored.
        """
        if self._has_scalars:
            obs, next_obs, action = self._rows_of(obs, next_obs, action)
        timeout = self._timeouts(infos) if self.handle_timeout_termination else self._no_timeouts
        if self.optimize_memory_usage:
            self._put_once(obs, next_obs, action, done, reward, timeout)
        else:
            n = self.n_envs
            self._columns.put(self.pos * n, n, obs, action, next_obs, done, reward, timeout)
        self.pos += 1
        if self.pos == self.buffer_size:
            self.full, self.pos = True, 0

    def _rows_of(self, obs: Any, next_obs: Any, action: Any) -> tuple[Any, Any, Any]:
        """Give scalars, and actions of several dimensions, the shape of rows."""
        n_envs, shape = self.n_envs, self.obs_shape
        if not self.observation_space.shape:
            obs, next_obs = (
                np.reshape(obs, (n_envs, *shape)),
                np.reshape(next_obs, (n_envs, *shape)),
            )
        return obs, next_obs, np.reshape(action, (n_envs, self.action_dim))

    def _timeouts(self, infos: Any) -> NDArray[np.generic]:
        if isinstance(infos, Mapping):
            return np.asarray(self._no_timeouts + infos.get("TimeLimit.truncated", False))
        return np.array([info.get("TimeLimit.truncated", False) for info in infos])

    def _put_once(self, obs: NDArray[Any], next_obs: NDArray[Any], *rest: Any) -> None:
        """Put a step whose successor waits where the next step will be put."""
        n_envs, row = self.n_envs, self.pos * self.n_envs
        waiting = self.observations[self.pos].copy()
        following = next_obs.reshape(waiting.shape)
        action, done, reward, timeout = rest
        is_apart = np.zeros(n_envs, bool)
        self._columns.put(row, n_envs, obs, action, is_apart, done, reward, timeout)
        for env in range(n_envs):
            self._apart.pop(row + env, None)
            if self.size() and waiting[env].tobytes() != self.observations[self.pos, env].tobytes():
                last = (row - n_envs + env) % len(self._columns)
                self._apart[last] = waiting[env]
                self._columns["is_apart"][last] = True
        self.observations[(self.pos + 1) % self.buffer_size] = following

    def extend(self, *args: Any) -> None:
        """Call :meth:`add` with each of the steps."""
        for step in zip(*args, strict=True):
            self.add(*step)

    def sample(self, batch_size: int) -> ReplayBufferSamples:
        """Return rows drawn uniformly; ``np.random.seed`` makes the draws repeatable.

        Raises
        ------
        ValueError
            A buffer without rows.
        """
        if self.size() == 0:
            raise ValueError("sample: expected a buffer with rows, but nothing was added yet")
        if self.optimize_memory_usage and self.full:
            # The newest step's successor waits where the oldest step's observation was.
            steps = integers(self.buffer_size - 1, batch_size) + self.pos + 1
            return self._get_samples(steps % self.buffer_size)
        return self._get_samples(integers(self.size(), batch_size))

    def _get_samples(self, batch_inds: NDArray[np.int64]) -> ReplayBufferSamples:
        rows = np.asarray(batch_inds)
        if self.n_envs > 1:
            rows = rows * self.n_envs + integers(self.n_envs, len(rows))
        taken = self._columns.take(rows)
        if self.optimize_memory_usage:
            taken["next_observations"] = self._successors(rows, taken.pop("is_apart"))
        # Not handled, they are 0; but they may have been written.
        taken["dones"] = (taken["dones"] * (1 - taken.pop("timeouts")))[:, None]
        taken["rewards"] = taken["rewards"][:, None]
        return ReplayBufferSamples(**_tensors(taken, self.device))

    def _successors(self, rows: NDArray[np.int64], is_apart: NDArray[np.bool_]) -> NDArray[Any]:
        following = (rows + self.n_envs) % len(self._columns)
        successors = self._columns.take(following, ("observations",))["observations"]
        for place in np.flatnonzero(is_apart):
            successors[place] = self._apart[int(rows[place])]
        return successors

    def size(self) -> int:
        """Return how many steps are stored."""
        return self.buffer_size if self.full else self.pos

    def reset(self) -> None:
        """Forget every step."""
        self.pos, self.full = 0, False

    def to_torch(self, array: NDArray[Any], copy: bool = True) -> torch.Tensor:
        """Return an array as a tensor on the buffer's device."""
        return (torch.tensor if copy else torch.as_tensor)(array, device=self.device)


class PrioritizedReplayBuffer:
    """The buffer of CleanRL's ``rainbow_atari.py``: images, n-step windows, priorities.

    Parameters
    ----------
    capacity, obs_shape, device, n_step, gamma
        Observations are uint8.
    alpha, beta, eps : float
        Rows are drawn in proportion to ``(|priority| + eps) ** alpha``. May be set.

    Attributes
    ----------
    buffer_obs, buffer_next_obs, buffer_actions, buffer_rewards, buffer_dones : ndarray
        Live and writable; uint8, int64, float32 and bool.
    n_step_buffer : deque
        The open window.

    Notes
    -----
    The rows are CleanRL's: of an episode's last ``n_step`` steps one is stored. ``add`` is not told
    of truncations, so windows reach from a truncated episode into the next one, unless you call
    ``n_step_buffer.clear()`` between them.
    """

    buffer_obs = _Live("observations")
    buffer_next_obs = _Live("next_observations")
    buffer_actions = _Live("actions")
    buffer_rewards = _Live("rewards")
    buffer_dones = _Live("dones")

    def __init__(
        self,
        capacity: int,
        obs_shape: tuple[int, ...],
        device: torch.device | str,
        n_step: int,
        gamma: float,
        alpha: float = 0.6,
        beta: float = 0.4,
        eps: float = 1e-6,
    ) -> None:
        self.capacity, self.obs_shape, self.device = capacity, obs_shape, device
        self.n_step, self.gamma = n_step, gamma
        self.alpha, self.beta, self.eps = alpha, beta, eps
        self.pos, self.size = 0, 0
        self.max_priority = 1.0
        self.sum_tree = SumTree(capacity)
        self.n_step_buffer: deque[tuple[Any, ...]] = deque(maxlen=n_step)
        self._leading = (capacity,)
        image = Field(obs_shape, "uint8")
        fields = {"observations": image, "actions": Field((), "int64"), "rewards": Field()}
        fields |= {"next_observations": image, "dones": Field((), "bool")}
        self._columns = Columns(fields, capacity)

    def add(self, obs: Any, action: Any, reward: Any, next_obs: Any, done: Any) -> None:
        """Add a step, and store the window of ``n_step`` steps that it completes.

        Parameters
        ----------
        obs, next_obs : arrays of shape obs_shape or (1, *obs_shape)
        action, reward, done : numbers, or arrays of one
            ``done`` is termination.
        """
        # Copies, as an environment may write into the same arrays again. Of the successors in an
        # open window only the newest is looked at, unless it ends the episode.
        kept = np.array(next_obs) if done else next_obs
        self.n_step_buffer.append((*map(np.array, (obs, action, reward)), kept, bool(done)))
        if len(self.n_step_buffer) < self.n_step:
            return
        first_obs, first_action, *_ = self.n_step_buffer[0]
        total, last_obs, is_done = self._get_n_step_info()
        self._columns.put(self.pos, 1, first_obs, first_action, total, last_obs, is_done)
        self.sum_tree[self.pos] = self.max_priority**self.alpha
        self.pos = (self.pos + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
        if is_done:
            self.n_step_buffer.clear()

    def _get_n_step_info(self) -> tuple[Any, Any, bool]:
        total = 0.0
        for i, step in enumerate(self.n_step_buffer):
            _, _, reward, next_obs, done = step
            total += self.gamma**i * reward
            if done:
                break
        return total, next_obs, done

    def sample(self, batch_size: int) -> PrioritizedBatch:
        """Return rows, one from each of ``batch_size`` equal parts of the sum of priorities.

        Raises
        ------
        ValueError
            A buffer without rows.
        """
        indices = self.sum_tree.draw(batch_size)
        taken = self._columns.take(indices)
        taken["weights"] = self.sum_tree.weigh(indices, self.beta)
        for name in ("actions", "rewards", "dones", "weights"):
            taken[name] = taken[name][:, None]
        return PrioritizedBatch(indices=indices, **_tensors(taken, self.device))

    def update_priorities(self, indices: Any, priorities: Any) -> None:
        """Set the priorities of rows; of a row that was drawn twice, the last one counts.

        Raises
        ------
        ValueError
            A priority that is not finite. Nothing was changed.
        """
        self.sum_tree.prioritize(indices, priorities, self.alpha, self.eps)
        self.max_priority = max(self.max_priority, float(np.abs(priorities).max()) + self.eps)


def _tensors(columns: dict[str, NDArray[Any]], device: torch.device | str) -> dict[str, Any]:
    is_host = torch.device(device).type == "cpu"
    return as_tensors(columns, None if is_host else device)


def _shape_of(space: Any) -> tuple[int, ...]:
    if space.shape is None:
        raise NotImplementedError(f"expected a space of arrays or numbers, got {space}")
    return tuple(space.shape) or (1,)


def _device(device: torch.device | str) -> torch.device:
    wanted = torch.device("cuda" if device == "auto" else device)
    is_there = wanted.type != "cuda" or torch.cuda.is_available()
    return wanted if is_there else torch.device("cpu")
