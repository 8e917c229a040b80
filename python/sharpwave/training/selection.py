"""Which network of a run is kept: the one with the best greedy evaluation so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sharpwave.agents import Agent
from sharpwave.training.config import TrainConfig
from sharpwave.training.environments import Env
from sharpwave.training.evaluate import evaluate

Returns = npt.NDArray[np.float64]


class Selection:
    """Evaluates an agent now and then, and remembers its best network.

    Attributes
    ----------
    weights, step
        The network kept, as a state dict of copies, and the step it is from; empty and 0 before
        the first evaluation.
    returns
        Its evaluation.
    solved
        Whether that evaluation reaches the environment's ``reward_threshold``, three standard errors
        clear.
    seconds
        Spent here.
    last_step
        The step of the latest evaluation.
    """

    def __init__(self, agent: Agent, env: Env | None, config: TrainConfig, seed: int) -> None:
        self.weights: dict[str, Any] = {}
        self.step = self.last_step = 0
        self.returns: Returns = np.empty(0)
        self.solved = False
        self.seconds = 0.0
        self._agent, self._env, self._config, self._seed = agent, env, config, seed
        self._threshold = _threshold(env, config) if config.stop_when_solved else np.inf

    def evaluate(self, step: int, should_stop: Callable[[], bool]) -> Returns | None:
        """Judge the agent as it is, and keep its network if no earlier one was better.

        Returns the returns, or None where it was told to stop.
        """
        self.last_step = step
        returns = self.play(self._config.eval_episodes, self._seed, should_stop)
        if not should_stop() and returns.mean() >= self._threshold:
            # A few good episodes may be luck: what ends a run is judged by as many as the report.
            more = self.play(self._config.final_episodes, self._seed + len(returns), should_stop)
            returns = np.concatenate([returns, more])
        if should_stop():
            return None
        if not len(self.returns) or returns.mean() >= self.returns.mean():
            self.keep(step)
            self.returns = returns
            self.solved = _lower_bound(returns) >= self._threshold
        return returns

    def keep(self, step: int) -> None:
        """Remember the agent's network as it is now, at ``step``."""
        self.step = step
        weights = self._agent.weights()
        self.weights = {name: value.clone() for name, value in weights.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return what has been found so far."""
        names = ("weights", "step", "last_step", "solved", "seconds")
        return {name: getattr(self, name) for name in names} | {"returns": self.returns.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the selection that ``state`` was read from stood."""
        vars(self).update(state)
        self.returns = np.array(state["returns"], np.float64)
        self.solved = self.solved and self._config.stop_when_solved

    def play(self, episodes: int, seed: int, should_stop: Callable[[], bool]) -> Returns:
        """Return the returns of greedy episodes; their time goes on the account."""
        assert self._env is not None
        begin = time.perf_counter()
        returns = evaluate(self._agent, self._env, episodes, seed=seed, should_stop=should_stop)
        self.seconds += time.perf_counter() - begin
        return returns


def _lower_bound(returns: Returns) -> float:
    return float(returns.mean() - 3 * returns.std() / np.sqrt(len(returns)))


def _threshold(env: Env | None, config: TrainConfig) -> float:
    if config.stop_at_return is not None:
        return config.stop_at_return
    threshold = env.spec.reward_threshold if env is not None and env.spec is not None else None
    return np.inf if threshold is None else float(threshold)
