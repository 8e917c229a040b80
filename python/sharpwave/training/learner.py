"""When an agent learns: gradient steps and target updates, scheduled in environment steps."""

from __future__ import annotations

from torch import Tensor

from sharpwave import ReplayBuffer
from sharpwave.agents import DQN
from sharpwave.training.schedule import Every


class Learner:
    """Takes the gradient steps and target updates that are due.

    Both schedules run on their own: a target update that falls between two gradient steps still
    happens. Neither begins before ``learning_starts`` transitions are stored.
    """

    def __init__(self, agent: DQN, buffer: ReplayBuffer) -> None:
        config = agent.config
        self.updates = 0
        self.loss: Tensor | None = None
        self._agent, self._buffer, self._config = agent, buffer, config
        self._device = None if config.device == "cpu" else config.device
        self._train_every = Every(config.train_freq, config.learning_starts)
        self._target_every = Every(config.target_update_interval, config.learning_starts)

    def step(self, step: int) -> None:
        """Learn what is due at ``step``, the number of transitions so far."""
        rounds = self._train_every.due(step)
        for _ in range(rounds * self._config.gradient_steps):
            batch = self._buffer.sample(self._config.batch_size).torch(self._device)
            self.loss = self._agent.update(batch)
            self.updates += 1
        times = self._target_every.due(step)
        if times:
            self._agent.update_target(times)

    def finite_loss(self) -> float | None:
        """Return the last loss, None before the first; one that is not finite is an error."""
        if self.loss is None:
            return None
        loss = float(self.loss)
        if loss - loss != 0.0:
            raise FloatingPointError(
                f"the loss is {loss} after {self.updates} gradient steps: expected a finite one; "
                "look for nan or inf in rewards and observations, or lower learning_rate"
            )
        return loss
