"""sb3-contrib's QR-DQN with prioritized replay (Dabney et al. 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch as th
from sb3_contrib import QRDQN

from sharpwave.compat.sb3.agents import draw, prioritized


def quantile_huber_losses(current: th.Tensor, target: th.Tensor) -> th.Tensor:
    """The loss of each row, of shape (B, 1): equation 10 of the paper.

    ``sb3_contrib``'s ``quantile_huber_loss`` averages over the batch before a weight can reach it.
    """
    count = current.shape[1]
    cum_prob = (th.arange(count, device=current.device, dtype=th.float) + 0.5) / count
    delta = target.unsqueeze(-2) - current.unsqueeze(-1)  # (B, current, target)
    size = delta.abs()
    huber = th.where(size > 1, size - 0.5, 0.5 * delta**2)
    loss = (cum_prob.view(1, -1, 1) - (delta.detach() < 0).float()).abs() * huber
    return loss.sum(dim=-2).mean(dim=-1, keepdim=True)


class PrioritizedQRDQN(QRDQN):
    """QR-DQN with prioritized replay; a row's error is that of its mean quantile."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **prioritized(options))

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Update the network ``gradient_steps`` times; see ``QRDQN.train``."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            data, discounts = draw(self, batch_size)
            each = (batch_size, 1, 1)
            with th.no_grad():
                following = self.quantile_net_target(data.next_observations)
                greedy = following.mean(dim=1, keepdim=True).argmax(dim=2, keepdim=True)
                following = following.gather(2, greedy.expand(-1, self.n_quantiles, 1)).squeeze(2)
                target = data.rewards + (1 - data.dones) * discounts * following
            actions = data.actions.long().reshape(each).expand(-1, self.n_quantiles, 1)
            current = self.quantile_net(data.observations).gather(2, actions).squeeze(2)
            loss = (data.weights * quantile_huber_losses(current, target)).mean()
            losses.append(loss.item())
            self.policy.optimizer.zero_grad()
            loss.backward()
            if self.max_grad_norm is not None:
                th.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            error = target.mean(dim=1) - current.mean(dim=1)
            self.replay_buffer.update_priorities(data.indices, error)
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))
