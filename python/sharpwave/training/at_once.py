"""For an agent that needs no buffer: each transition is learned from as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpwave.agents import QLearning
from sharpwave.autoreset import mode_of
from sharpwave.training.environments import Env, VectorEnv


class AtOnce:
    """Takes the places of the buffer and of the learner, for a run of ``steps``.

    Attributes
    ----------
    updates
        Transitions learned from.
    """

    def __init__(self, agent: QLearning, env: Env | VectorEnv, steps: int, done: int = 0) -> None:
        self.autoreset = mode_of(env)
        if self.autoreset not in (None, "disabled"):
            raise ValueError(
                f"autoreset: expected disabled, got {self.autoreset}: a table learns from each step "
                "as the environment returns it, so whoever steps it has to do the resets; make the "
                "vector environment with autoreset_mode=AutoresetMode.DISABLED, or give its id"
            )
        self.updates = 0
        self._agent, self._steps, self._step = agent, steps, done
        self._td_error: Any = 0.0

    def add(
        self,
        obs: Any,
        action: Any,
        reward: Any,
        next_obs: Any,
        terminated: Any,
        _truncated: Any,
        _info: Any = None,
    ) -> None:
        """Learn from a transition, or from one of each environment."""
        self._td_error = self._agent.learn(
            obs, action, reward, next_obs, terminated, step=self._step, steps=self._steps
        )
        number = getattr(self._td_error, "size", 1)
        self._step += number
        self.updates += number

    def end_episode(self) -> None:
        """Nothing is kept that an episode's end would matter to."""

    def step(self, _step: int) -> None:
        """Learning is done already."""

    def logs(self) -> Mapping[str, float]:
        """Return the size of the last TD error, of several their mean."""
        error = self._td_error
        return {"td_error": float(abs(error) if isinstance(error, float) else abs(error).mean())}
