"""The training loop: step, store, learn; evaluate now and then, and keep the best network.

A greedy evaluation in an environment of its own decides which network is kept. Being the largest of
several noisy numbers, its mean flatters, so it is not what is reported: the network that was kept
is judged again, at the end, on seeds that nothing was selected by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sharpwave import ReplayBuffer
from sharpwave.agents import DQN, DQNConfig, linear
from sharpwave.training.checkpoint import RunFolder
from sharpwave.training.collect import collector
from sharpwave.training.config import TrainConfig
from sharpwave.training.environments import (
    Env,
    EnvLike,
    VectorEnv,
    id_of,
    make_evaluation,
    make_training,
    single_spaces,
)
from sharpwave.training.interrupt import Stop, stop_on_signals
from sharpwave.training.learner import Learner
from sharpwave.training.log import Log, mean
from sharpwave.training.result import Ended, Result
from sharpwave.training.schedule import Every
from sharpwave.training.selection import Returns, Selection

SECONDS_TO_JUDGE_INTERRUPTED = 2.0


def train(
    env: EnvLike | VectorEnv,
    agent: DQNConfig | None = None,
    run: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    eval_env: EnvLike | None = None,
    progress: bool | None = None,
) -> Result:
    """Train an agent and return what came of it, with the agent.

    Periodic greedy evaluations choose the network that is kept; what is reported is one last
    evaluation of that network, over ``run.final_episodes`` episodes with fresh seeds. Ctrl-C and
    SIGTERM end the run early: the network is saved and the result is returned as ever, of as many
    such episodes as two seconds allow.

    Parameters
    ----------
    env
        An id, a function that makes an environment, an environment, or a vector environment.
    agent
        The algorithm's hyperparameters.
    run
        Length, seed, number of environments, evaluation, logs.
    out
        Folder for the run's files; an earlier run there is replaced. None writes nothing.
    eval_env
        What to evaluate in, where ``env`` does not say how to make another of its kind: an id, a
        function, or an environment that nobody else uses.
    progress
        Whether to draw a bar on stderr; None draws it when that is a terminal.

    Examples
    --------
    >>> from sharpwave.agents import DQNConfig
    >>> from sharpwave.training import TrainConfig, train
    >>> agent, run = DQNConfig(learning_starts=100), TrainConfig(steps=500, final_episodes=5)
    >>> result = train("CartPole-v1", agent, run)
    >>> result.steps, result.updates, result.episodes
    (500, 201, 5)
    """
    return Trainer(env, agent, run, out=out, eval_env=eval_env, progress=progress).run()


class Trainer:
    """One run: building it checks all that was asked for, ``run`` does it, once.

    Its parameters are those of :func:`train`.

    Attributes
    ----------
    agent, buffer
        What learns, and what it learns from.
    step
        Transitions so far.
    """

    def __init__(
        self,
        env: EnvLike | VectorEnv,
        agent: DQNConfig | None = None,
        run: TrainConfig | None = None,
        *,
        out: str | Path | None = None,
        eval_env: EnvLike | None = None,
        progress: bool | None = None,
    ) -> None:
        self.config = config = run or TrainConfig()
        self.step = 0
        self._seeds = seeds = _Seeds(
            *np.random.SeedSequence(config.seed).generate_state(5).tolist()
        )
        self._env = make_training(env, config.num_envs)
        self.agent = DQN(*single_spaces(self._env), agent, seed=seeds.agent)
        self._settings = settings = self.agent.config
        self.buffer = _buffer(self._env, settings, seeds.buffer)
        self._collector = collector(self._env, self.agent, self.buffer, seeds.environment)
        self._learner = Learner(self.agent, self.buffer)
        self._eval_env = make_evaluation(env, eval_env) if config.evaluates else None
        self._ours = [e for e in (self._env, self._eval_env) if e not in (None, env, eval_env)]
        self._selection = Selection(self.agent, self._eval_env, config, seeds.evaluation)
        self._folder = RunFolder(Path(out) if out is not None else None)
        self._folder.config(id_of(env), settings, config)
        self._log = Log(config.steps, self._folder.path, progress)

    @property
    def epsilon(self) -> float:
        """Chance of a random action at the present step."""
        settings = self._settings
        duration = settings.exploration_fraction * self.config.steps
        return linear(self.step, settings.epsilon_start, settings.epsilon_end, duration)

    def run(self) -> Result:
        """Train, evaluate, save, and return the result."""
        with stop_on_signals() as stop, _torch_threads(self.config.threads):
            try:
                self._train(stop)
                return self._finish(stop)
            finally:
                self._close()

    def _train(self, stop: Stop) -> None:
        config = self.config
        log = Every(config.log_interval)
        evaluation = Every(config.eval_interval)
        checkpoint = Every(config.checkpoint_interval)
        self._began = time.perf_counter()
        while self.step < config.steps and not self._selection.solved and not stop():
            epsilon = self.epsilon
            self.step += self._collector.step(epsilon)
            self._learner.step(self.step)
            self._log.step(self.step, epsilon, self._collector.episodes.recent)
            if log.due(self.step):
                self._write_log(epsilon)
            if evaluation.due(self.step):
                self._evaluate(stop)
            if checkpoint.due(self.step):
                self._folder.checkpoint(self.agent, self.step)

    def _write_log(self, epsilon: float) -> None:
        values = {"train/epsilon": epsilon, "train/steps_per_second": self.step / self._seconds()}
        loss = self._learner.finite_loss()
        if loss is not None:
            values["train/loss"] = loss
        episodes = self._collector.episodes.take()
        if episodes:
            values["train/return"] = mean([episode.total for episode in episodes])
            values["train/length"] = mean([episode.length for episode in episodes])
        self._log.scalars(self.step, values)

    def _evaluate(self, stop: Stop) -> None:
        if self._selection.last_step == self.step:
            return
        mean_return = self._selection.evaluate(self.step, stop)
        if mean_return is not None:
            self._log.scalars(self.step, {"eval/return": mean_return})
            if self._selection.step == self.step:
                self._folder.model(self._selection.weights, self.step)

    def _finish(self, stop: Stop) -> Result:
        seconds = self._seconds()
        ended = self._ended()
        self._learner.finite_loss()
        if ended == "steps" and self.config.eval_interval:
            self._evaluate(stop)
        self._folder.checkpoint(self.agent, self.step)
        if not self._selection.weights:
            self._selection.keep(self.step)
        self._folder.model(self._selection.weights, self._selection.step)
        self.agent.online.load_state_dict(self._selection.weights)
        result = self._result(ended, seconds, self._judge(stop))
        self._folder.result(result)
        return result

    def _ended(self) -> Ended:
        if self._selection.solved:
            return "solved"
        return "steps" if self.step >= self.config.steps else "interrupted"

    def _judge(self, stop: Stop) -> Returns:
        if not self.config.final_episodes:
            return self._selection.returns
        should_stop = _after(SECONDS_TO_JUDGE_INTERRUPTED) if stop() else stop
        returns = self._selection.play(self.config.final_episodes, self._seeds.final, should_stop)
        return returns if len(returns) else self._selection.returns

    def _result(self, ended: Ended, seconds: float, returns: Returns) -> Result:
        return Result(
            mean_return=float(returns.mean()) if len(returns) else None,
            std_return=float(returns.std()) if len(returns) else None,
            episodes=len(returns),
            steps=self.step,
            seconds=seconds,
            steps_per_second=self.step / seconds,
            evaluation_seconds=self._selection.seconds,
            updates=self._learner.updates,
            training_episodes=self._collector.episodes.count,
            model_step=self._selection.step,
            ended=ended,
            agent=self.agent,
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self._began - self._selection.seconds

    def _close(self) -> None:
        self._log.close(self.step, self.epsilon, self._collector.episodes.recent)
        for env in self._ours:
            env.close()


def _buffer(env: Env | VectorEnv, settings: DQNConfig, seed: int) -> ReplayBuffer:
    try:
        return ReplayBuffer.for_env(env, settings.buffer_size, gamma=settings.gamma, seed=seed)
    except (ValueError, MemoryError) as error:
        raise type(error)(f"buffer_size {settings.buffer_size}: {error}") from error


class _Seeds(NamedTuple):
    """Five seeds from one, so that nothing is drawn twice from the same stream."""

    agent: int
    buffer: int
    environment: int
    evaluation: int
    final: int


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.perf_counter() + seconds
    return lambda: time.perf_counter() > deadline


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
