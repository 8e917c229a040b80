"""Where a run's transitions go: the replay buffer that fits the environment and the agent."""

from __future__ import annotations

from typing import Any

from sharpwave import Prioritized, ReplayBuffer
from sharpwave.agents import Agent
from sharpwave.training.checkpoint import Checkpoint
from sharpwave.training.environments import Env, VectorEnv, frame_stack_of


def make_store(
    env: Env | VectorEnv, agent: Agent, seed: int, steps: int, checkpoint: Checkpoint | None
) -> Any:
    """Return the buffer to fill: the checkpoint's, or a new one."""
    if checkpoint is not None and checkpoint.buffer is not None:
        return checkpoint.buffer
    config = agent.config
    options: dict[str, Any] = {}
    if config.prioritized:
        options["sampler"] = Prioritized(alpha=config.priority_alpha, beta=config.priority_beta)
    try:
        return ReplayBuffer.for_env(
            env,
            config.buffer_size,
            frame_stack=frame_stack_of(env),
            seed=seed,
            **agent.buffer_options(),
            **options,
        )
    except (ValueError, MemoryError) as error:
        raise type(error)(f"buffer_size {config.buffer_size}: {error}") from error
