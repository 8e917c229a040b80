"""The time of a run by its environment's steps, which all contenders take alike."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import gymnasium as gym


class Moment(NamedTuple):
    wall: float
    processor: float
    """of all threads of this process"""


def now() -> Moment:
    return Moment(time.perf_counter(), time.process_time())


class Clock:
    """Is read as the first step begins, the first one with learning, and the last one.

    Parameters
    ----------
    starts, steps
        The numbers of the last two, counted from 1.
    """

    def __init__(self, starts: int, steps: int) -> None:
        if not 1 <= starts < steps:
            raise ValueError(
                f"steps: expected more than the {starts} before there is learning, got {steps}"
            )
        self.step = 0
        self._starts, self._steps = starts, steps
        self._readings: dict[int, Moment | None] = dict.fromkeys((1, starts, steps))

    def timed(self, env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
        """The environment, which moves this clock on."""
        return _Timed(env, self)

    def tick(self) -> None:
        self.step += 1
        if self.step in self._readings:
            self._readings[self.step] = now()

    def speeds(self) -> dict[str, float]:
        """Steps a second of processor time, of the whole run and with learning; wall time beside it."""
        first, learning, last = (self._reading(at) for at in (1, self._starts, self._steps))
        whole, late = self._steps - 1, self._steps - self._starts
        elapsed, busy = last.wall - first.wall, last.processor - first.processor
        return {
            "steps_per_second": whole / busy,
            "learning_steps_per_second": late / (last.processor - learning.processor),
            "wall_steps_per_second": whole / elapsed,
            "learning_wall_steps_per_second": late / (last.wall - learning.wall),
            "waited": round(max(0.0, 1 - busy / elapsed), 3),
        }

    def _reading(self, at: int) -> Moment:
        reading = self._readings[at]
        if reading is None:
            raise RuntimeError(f"expected {self._steps} steps, the run took {self.step}")
        return reading


class _Timed(gym.Wrapper[Any, Any, Any, Any]):
    def __init__(self, env: gym.Env[Any, Any], clock: Clock) -> None:
        super().__init__(env)
        self._tick = clock.tick

    def step(self, action: Any) -> Any:
        self._tick()
        return self.env.step(action)
