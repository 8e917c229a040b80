"""Where a run's transitions go, and where its batches come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from sharpwave import Mix, Prioritized, ReplayBuffer
from sharpwave.agents import Agent, QLearning
from sharpwave.training.config import TrainConfig
from sharpwave.training.environments import Env, VectorEnv, frame_stack_of

ONLINE, DATA = "buffer", "data"


class Seeds(NamedTuple):
    """Six seeds from one, so that nothing is drawn twice from the same stream."""

    agent: int
    buffer: int
    environment: int
    evaluation: int
    final: int
    data: int


class Storage(NamedTuple):
    """The buffers of a run: what is collected, what was given, or both."""

    buffers: dict[str, ReplayBuffer]
    """by their names in a checkpoint"""
    source: Any
    """what batches are drawn from: a buffer, or a mix of both"""

    @property
    def filled(self) -> ReplayBuffer | None:
        """The buffer that is added to."""
        return self.buffers.get(ONLINE)


def make_storage(
    env: Env | VectorEnv,
    agent: Agent,
    config: TrainConfig,
    seeds: Seeds,
    saved: dict[str, ReplayBuffer],
) -> Storage:
    """Return the buffers to fill and to learn from: a checkpoint's, or new ones.

    Parameters
    ----------
    env, agent, config
        Of the run.
    seeds
        Of the run.
    saved
        The buffers of a checkpoint.
    """
    if isinstance(agent, QLearning):
        if config.data is not None:
            raise ValueError(f"data: a table learns from its environment alone, got {config.data}")
        return Storage({}, None)
    buffers = dict(saved)
    if not config.offline and ONLINE not in buffers:
        buffers[ONLINE] = _online(env, agent, seeds.buffer)
    if config.data is not None and DATA not in buffers:
        buffers[DATA] = _given(config.data, agent, seeds.data)
    online, data = buffers.get(ONLINE), buffers.get(DATA)
    if online is None or data is None:
        return Storage(buffers, data if online is None else online)
    shares = {online: 1 - config.data_share, data: config.data_share}
    return Storage(buffers, Mix(shares))


def _online(env: Env | VectorEnv, agent: Agent, seed: int) -> ReplayBuffer:
    options = {"frame_stack": frame_stack_of(env), **_options(agent)}
    size = agent.config.buffer_size
    try:
        return ReplayBuffer.for_env(env, size, seed=seed, **options)
    except (ValueError, MemoryError) as error:
        raise type(error)(f"buffer_size {size}: {error}") from error


def _given(name: str, agent: Agent, seed: int) -> ReplayBuffer:
    extras = agent.buffer_options().get("extra_fields")
    if extras:
        raise ValueError(
            f"data: {type(agent).__name__} learns from {', '.join(extras)} beside each transition, "
            f"which {name} does not have; learn from data with another algorithm"
        )
    if Path(name).is_dir():
        buffer = ReplayBuffer.load(name)
        options = agent.buffer_options()
        buffer.n_step, buffer.gamma = options["n_step"], options["gamma"]
        return buffer
    try:
        import minari
    except ModuleNotFoundError as error:
        raise ValueError(
            f"data: {name} is no folder here; a Minari dataset needs "
            'pip install "sharpwave[minari]"'
        ) from error
    try:
        dataset = minari.load_dataset(name, download=True)
    except (ValueError, ImportError, OSError) as error:
        raise ValueError(
            f"data: expected a folder or the id of a Minari dataset, got {name!r}: {error}"
        ) from error
    return ReplayBuffer.from_minari(dataset, seed=seed, **_options(agent))


def _options(agent: Agent) -> dict[str, Any]:
    config = agent.config
    options = agent.buffer_options()
    if config.prioritized:
        sampler = Prioritized(alpha=config.priority_alpha, beta=config.priority_beta)
        options.setdefault("sampler", sampler)
    return options
