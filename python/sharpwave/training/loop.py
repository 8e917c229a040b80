"""The training loop: step, store, learn; evaluate now and then, and keep the best network.

A greedy evaluation in an environment of its own decides which network is kept. Being the largest of
several noisy numbers, its mean flatters, so it is not what is reported: the network that was kept
is judged again, at the end, on seeds that nothing was selected by.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sharpwave import Mix
from sharpwave.agents import Agent, DQNConfig, QLearning
from sharpwave.training.algorithms import agent_for
from sharpwave.training.at_once import AtOnce
from sharpwave.training.checkpoint import (
    Checkpoint,
    RunFolder,
    agent_config,
    load_checkpoint,
    load_config,
)
from sharpwave.training.collect import NoCollector, Store, collector
from sharpwave.training.config import TrainConfig
from sharpwave.training.environments import (
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
from sharpwave.training.records import EPISODES, EVALUATIONS, Records
from sharpwave.training.result import Ended, Result
from sharpwave.training.schedule import Every
from sharpwave.training.selection import Returns, Selection
from sharpwave.training.store import Seeds, make_storage

SECONDS_TO_JUDGE_INTERRUPTED = 2.0


def train(
    env: EnvLike | VectorEnv,
    agent: Any = None,
    run: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    eval_env: EnvLike | None = None,
    progress: bool | None = None,
) -> Result:
    """Train an agent and return what came of it, with the agent.

    Periodic greedy evaluations choose the network that is kept; what is reported is one last
    evaluation of that network, over ``run.final_episodes`` episodes with fresh seeds. Ctrl-C and
    SIGTERM end the run early: everything is saved and the result is returned as ever, of as many
    such episodes as two seconds allow. `resume` goes on with it.

    Parameters
    ----------
    env
        An id, a function that makes an environment, an environment, or a vector environment.
    agent
        The algorithm's hyperparameters, which say which algorithm it is; None takes `DQNConfig()`.
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


def resume(
    folder: str | Path,
    *,
    steps: int | None = None,
    env: EnvLike | VectorEnv | None = None,
    eval_env: EnvLike | None = None,
    progress: bool | None = None,
) -> Result:
    """Go on with a run from its last checkpoint, bit for bit as if it had never stopped.

    Networks, optimizers, the buffer, every generator and every schedule continue. An environment is
    brought back by the seed of its episode and the actions since; one that does not come back to
    the same observation starts a new episode, and a note on stderr says so.

    Parameters
    ----------
    folder
        What was given as `out`.
    steps
        The run's length, if it is to be another: to go on with a run that has ended.
    env, eval_env
        As for `train`; needed where the run's environment has no id to make it from.
    progress
        As for `train`.
    """
    return continued(folder, steps=steps, env=env, eval_env=eval_env, progress=progress).run()


def continued(
    folder: str | Path,
    *,
    steps: int | None = None,
    env: EnvLike | VectorEnv | None = None,
    **options: Any,
) -> Trainer:
    """Return a `Trainer` that goes on where the run in ``folder`` was saved; see `resume`."""
    config, checkpoint = load_config(folder), load_checkpoint(folder)
    source = config["env"] if env is None else env
    if source is None:
        raise ValueError(f"{folder}: the run's environment has no id to make it from; pass env")
    run = TrainConfig(**config["training"])
    if steps is not None:
        # A run that was solved has no steps left to take, unless it is to go on regardless.
        solved = checkpoint.state["selection"]["solved"]
        stop = run.stop_when_solved and not solved
        run = dataclasses.replace(run, steps=steps, stop_when_solved=stop)
    agent = agent_config(folder, config)
    return Trainer(source, agent, run, out=folder, checkpoint=checkpoint, **options)


class Trainer:
    """One run: building it checks all that was asked for, ``run`` does it, once.

    Its parameters are those of :func:`train`, and the checkpoint to go on from.

    Attributes
    ----------
    agent, buffer
        What learns, and what is collected; None where it learns from data alone.
    step
        Transitions so far.
    """

    def __init__(
        self,
        env: EnvLike | VectorEnv,
        agent: Any = None,
        run: TrainConfig | None = None,
        *,
        out: str | Path | None = None,
        eval_env: EnvLike | None = None,
        progress: bool | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.config = config = run or TrainConfig()
        self._settings = settings = DQNConfig() if agent is None else agent
        self.step = done = 0 if checkpoint is None else checkpoint.step
        generated = np.random.SeedSequence(config.seed).generate_state(6)
        self._seeds = seeds = Seeds(*generated.tolist())
        self._env = make_training(env, config.num_envs)
        kind = agent_for(settings)[1]
        self.agent: Agent = kind(*single_spaces(self._env), settings, seed=seeds.agent)
        saved = {} if checkpoint is None else checkpoint.buffers
        self._storage = make_storage(self._env, self.agent, config, seeds, saved)
        self.buffer = self._storage.filled
        self._learner, store = self._learns_from(done)
        self._collector = (
            NoCollector()
            if store is None
            else collector(self._env, self.agent, store, seeds.environment, config.steps)
        )
        self._eval_env = make_evaluation(env, eval_env) if config.evaluates else None
        self._ours = [e for e in (self._env, self._eval_env) if e not in (None, env, eval_env)]
        self._selection = Selection(self.agent, self._eval_env, config, seeds.evaluation)
        self._seconds_before = 0.0
        self._folder = RunFolder(None if out is None else Path(out), checkpoint is not None)
        self._folder.config(id_of(env), settings, config)
        self._records = Records(self._folder.path, done)
        self._log = Log(config.steps, self._folder.path, progress, done, config.wandb)
        if checkpoint is not None:
            self._load(checkpoint.state)

    def _learns_from(self, done: int) -> tuple[Learner | AtOnce, Store | None]:
        steps = self.config.steps
        if isinstance(self.agent, QLearning):
            at_once = AtOnce(self.agent, self._env, steps, done)
            return at_once, at_once
        filled = self.config.offline
        return Learner(self.agent, self._storage.source, steps, done, filled), self.buffer

    def run(self) -> Result:
        """Train, evaluate, save, and return the result."""
        with stop_on_signals() as stop, _torch_threads(self.config.threads):
            try:
                self._train(stop)
                return self._finish(stop)
            finally:
                self._close()

    def _train(self, stop: Stop) -> None:
        config, done = self.config, self.step
        log = Every(config.log_interval, done + 1)
        evaluation = Every(config.eval_interval, done + 1)
        checkpoint = Every(config.checkpoint_interval, done + 1)
        self._began = time.perf_counter()
        while self.step < config.steps and not self._selection.solved and not stop():
            self.step += self._collector.step(self.step)
            self._learner.step(self.step)
            self._log.step(self.step, self._collector.episodes.recent, self._exploration)
            if log.due(self.step):
                self._write_log()
            if evaluation.due(self.step):
                self._evaluate(stop)
            if checkpoint.due(self.step):
                self._save()

    def _exploration(self) -> Mapping[str, float]:
        return self.agent.exploration(self.step, self.config.steps)

    def _write_log(self) -> None:
        numbers = {**self._learner.logs(), **self._exploration()}
        numbers["steps_per_second"] = self.step / self._seconds()
        episodes = self._collector.episodes.take()
        if episodes:
            numbers["return"] = mean([episode.total for episode in episodes])
            numbers["length"] = mean([episode.length for episode in episodes])
            self._records.write(EPISODES, episodes)
        self._log.scalars(self.step, {f"train/{name}": x for name, x in numbers.items()})

    def _evaluate(self, stop: Stop) -> None:
        if self._selection.last_step == self.step:
            return
        returns = self._selection.evaluate(self.step, stop)
        if returns is not None:
            line = (self.step, len(returns), returns.mean(), returns.std())
            self._records.write(EVALUATIONS, [line])
            self._log.scalars(self.step, {"eval/return": float(returns.mean())})
            if self._selection.step == self.step:
                self._folder.model(self._selection.weights, self.step)

    def _save(self) -> None:
        self._write_episodes()
        state = {
            "agent": self.agent.state_dict(),
            "collector": self._collector.state_dict(),
            "selection": self._selection.state_dict(),
            "updates": self._learner.updates,
            "seconds": self._seconds(),
        }
        if isinstance(self._storage.source, Mix):
            state["mix"] = self._storage.source.state_dict()
        self._folder.checkpoint(self.step, state, self._storage.buffers)

    def _load(self, state: Mapping[str, Any]) -> None:
        self.agent.load_state_dict(state["agent"])
        self._selection.load_state_dict(state["selection"])
        self._learner.updates = state["updates"]
        if isinstance(self._storage.source, Mix):
            self._storage.source.load_state_dict(state["mix"])
        self._seconds_before = state["seconds"] + self._selection.seconds
        anew = self._collector.load_state_dict(state["collector"])
        if anew:
            which = "the environment" if self.config.num_envs == 1 else f"environments {anew}"
            self._log.note(self.step, f"{which} could not be brought back: a new episode starts")

    def _finish(self, stop: Stop) -> Result:
        seconds = self._seconds()
        ended = self._ended()
        self._learner.logs()
        if ended == "steps" and self.config.eval_interval:
            self._evaluate(stop)
        if self.config.checkpoint_interval:
            self._save()
        if not self._selection.weights:
            self._selection.keep(self.step)
        self._folder.model(self._selection.weights, self._selection.step)
        self.agent.load_weights(self._selection.weights)
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
        elapsed = time.perf_counter() - self._began
        return self._seconds_before + elapsed - self._selection.seconds

    def _close(self) -> None:
        self._write_episodes()
        self._log.close(self.step, self._collector.episodes.recent, self._exploration)
        for env in self._ours:
            env.close()

    def _write_episodes(self) -> None:
        self._records.write(EPISODES, self._collector.episodes.take())


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
