"""When an agent learns: gradient steps and target updates, scheduled in environment steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sharpwave import Mix, Prioritized, ReplayBuffer
from sharpwave.agents import Agent, Update
from sharpwave.training.schedule import Every

Source: TypeAlias = "ReplayBuffer | Mix"


class Learner:
    """Takes the gradient steps and target updates that are due.

    Both schedules run on their own: a target update that falls between two gradient steps still
    happens. Neither begins before ``learning_starts`` transitions are stored. What is due depends
    on the step alone, so a run that is continued goes on with the same schedule.

    Parameters
    ----------
    agent, buffer
        What learns, and what it learns from.
    steps
        Length of the run, over which the correction of prioritized draws grows to all of it.
    done
        Steps that were taken before.
    filled
        Whether the buffer is full of data, so that there is nothing to wait for.
    """

    def __init__(
        self, agent: Agent, buffer: Source, steps: int, done: int = 0, filled: bool = False
    ) -> None:
        config = agent.config
        self.updates = 0
        self.latest: Update | None = None
        self._agent, self._buffer, self._config, self._steps = agent, buffer, config, steps
        self._samplers = _prioritized(buffer)
        start = max(1 if filled else config.learning_starts, done + 1)
        self._train_every = Every(config.train_freq, start)
        self._target_every = Every(getattr(config, "target_update_interval", 0), start)

    def step(self, step: int) -> None:
        """Learn what is due at ``step``, the number of transitions so far."""
        for _ in range(self._train_every.due(step) * self._config.gradient_steps):
            self._learn(step)
        times = self._target_every.due(step)
        if times:
            self._agent.update_target(times)

    def logs(self) -> Mapping[str, float]:
        """Return the numbers of the last gradient step; a loss that is not finite is an error."""
        if self.latest is None:
            return {}
        loss = float(self.latest.loss)
        if loss - loss != 0.0:
            raise FloatingPointError(
                f"the loss is {loss} after {self.updates} gradient steps: expected a finite one; "
                "lower learning_rate, or look for large numbers in rewards and observations"
            )
        return {"loss": loss, **{name: float(x) for name, x in self.latest.logs.items()}}

    def _learn(self, step: int) -> None:
        config, buffer = self._config, self._buffer
        share = min(step / self._steps, 1.0)
        for sampler in self._samplers:
            sampler.beta = config.priority_beta + (1.0 - config.priority_beta) * share
        batch = self._agent.sample(buffer)
        self.latest = self._agent.update(batch)
        self.updates += 1
        if self._samplers:
            buffer.update_priorities(batch.index, self.latest.td_error)


def _prioritized(source: Source) -> list[Prioritized]:
    # Data that was saved is drawn as the buffer that it was saved from was.
    buffers = source.buffers if isinstance(source, Mix) else (source,)
    return [b.sampler for b in buffers if isinstance(b.sampler, Prioritized)]
