"""Prioritized replay for Stable-Baselines3, which has none (Schaul et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecNormalize

from sharpwave.compat.sb3.buffers import ReplayBuffer
from sharpwave.sum_tree import SumTree


class PrioritizedReplayBufferSamples(NamedTuple):
    """SB3's samples, with what a prioritized update needs."""

    observations: Any
    actions: torch.Tensor
    next_observations: Any
    dones: torch.Tensor
    rewards: torch.Tensor
    discounts: torch.Tensor | None
    weights: torch.Tensor
    indices: np.ndarray[Any, np.dtype[np.int64]]


class PrioritizedReplayBuffer(ReplayBuffer):
    """SB3's ``ReplayBuffer`` whose rows are drawn in proportion to ``(|td_error| + eps) ** alpha``.

    For ``PrioritizedDQN``, ``PrioritizedQRDQN``, ``PrioritizedTD3`` and ``PrioritizedSAC``, or for
    an agent of your own that weights its loss by ``weights`` and calls ``update_priorities``.

    Parameters
    ----------
    *args, **options
        Those of :class:`ReplayBuffer`, ``n_steps`` and ``gamma`` too.
    alpha : float, default 0.6
        How much priorities matter.
    beta : float or callable, default 0.4
        The exponent of the weights. A function of the remaining progress, from 1 down to 0, as
        SB3's schedules are; a number stands for a line from there to 1.
    eps : float, default 1e-6

    Notes
    -----
    ``weights`` are ``(N * P) ** -beta`` over the largest one of the batch, of shape ``(B, 1)``. New
    rows have the largest priority given so far. Draws are stratified.
    """

    def __init__(
        self,
        *args: Any,
        alpha: float = 0.6,
        beta: float | Callable[[float], float] = 0.4,
        eps: float = 1e-6,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.alpha, self.eps = alpha, eps
        self.beta_schedule = beta if callable(beta) else _Line(beta)
        self.beta = self.beta_schedule(1.0)
        self.max_priority = 1.0
        self.priorities = SumTree(self.buffer_size * self.n_envs)
        self._unseen = 0  # steps that were added since priorities were last looked at

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Store one step of every environment; see :meth:`ReplayBuffer.add`."""
        super().add(*args, **kwargs)
        self._unseen = min(self._unseen + 1, self.buffer_size)

    def reset(self) -> None:
        """Forget every row and priority."""
        super().reset()
        self.priorities.clear()
        self._unseen = 0

    def anneal(self, progress_remaining: float) -> None:
        """Set beta for this much of the training that is left: 1 at its start, 0 at its end."""
        left = min(max(progress_remaining, 0.0), 1.0)  # the last rollout goes past the end
        self.beta = float(self.beta_schedule(left))

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> Any:
        """Return ``batch_size`` transitions drawn by priority, with weights and indices."""
        self._give_new_rows_theirs()
        rows = self.priorities.draw(batch_size)
        weights = torch.from_numpy(self.priorities.weigh(rows, self.beta)[:, None])
        samples = self._samples(rows, env)._asdict()
        return PrioritizedReplayBufferSamples(
            **samples, weights=weights.to(self.device), indices=rows
        )

    def update_priorities(self, indices: Any, td_error: Any) -> None:
        """Give the rows of a sample their priorities.

        Parameters
        ----------
        indices : ndarray of int64, shape (B,)
            ``samples.indices``.
        td_error : ndarray or Tensor of shape (B,) or (B, 1)

        Raises
        ------
        ValueError
            An error that is not finite; nothing was updated.
        """
        if isinstance(td_error, torch.Tensor):
            td_error = td_error.detach().cpu().numpy()
        self._give_new_rows_theirs()
        errors = np.asarray(td_error).reshape(-1)
        _, most = self.priorities.prioritize(indices, errors, self.alpha, self.eps)
        self.max_priority = max(self.max_priority, most)

    def _give_new_rows_theirs(self) -> None:
        if self._unseen:
            rows = np.arange((self.pos - self._unseen) * self.n_envs, self.pos * self.n_envs)
            self.priorities[rows % (self.buffer_size * self.n_envs)] = self.max_priority
            self._unseen = 0


class _Line:
    """From a first value to 1, over the progress that SB3 counts down."""

    def __init__(self, first: float) -> None:
        self.first = first

    def __call__(self, progress_remaining: float) -> float:
        return 1.0 + (self.first - 1.0) * progress_remaining
