"""Environments from what the caller has: an id, a function, an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym

from sharpwave.training.wrappers import atari_vector, preprocess, register, unprocessed

Env: TypeAlias = gym.Env[Any, Any]
VectorEnv: TypeAlias = gym.vector.VectorEnv[Any, Any, Any]
EnvLike: TypeAlias = "str | Callable[[], Env] | Env"


def make(source: EnvLike | VectorEnv, *, training: bool = False, **options: Any) -> Env:
    """Make a single environment anew, preprocessed as is usual for its kind: see `wrappers`.

    Gymnasium's passive checker is left out: it is for those who write environments.

    Parameters
    ----------
    source
        An id, a function without arguments, or an environment with a ``spec``.
    training
        Whether it is to learn in, or to be judged in.
    **options
        For `gymnasium.make`, e.g. ``render_mode``.
    """
    if isinstance(source, str):
        register(source)
        made = gym.make(source, disable_env_checker=True, **unprocessed(source), **options)
        return preprocess(made, training)
    if not isinstance(source, (gym.Env, gym.vector.VectorEnv)):
        return source()
    if source.spec is None:
        raise ValueError(
            f"eval_env: expected an environment to evaluate in, because {source} has no spec to "
            "make another one from; pass a function that makes one"
        )
    return gym.make(source.spec, disable_env_checker=True, **options)


def make_training(source: EnvLike | VectorEnv, num_envs: int) -> Env | VectorEnv:
    """The environment to train in: the given one itself, or new ones from an id or a function.

    Several are stepped by Gymnasium's `SyncVectorEnv`, and reset by who steps them; Atari's by ALE.
    """
    if isinstance(source, gym.vector.VectorEnv):
        if num_envs not in (1, source.num_envs):
            raise ValueError(
                f"num_envs: expected {source.num_envs}, as the given environment, got {num_envs}"
            )
        return source
    if num_envs == 1:
        return source if isinstance(source, gym.Env) else make(source, training=True)
    if isinstance(source, str) and source.startswith("ALE/"):
        vector: VectorEnv = atari_vector(source, num_envs)
        return vector
    return gym.vector.SyncVectorEnv(
        [lambda: make(source, training=True)] * num_envs,
        copy=False,  # the collector makes a copy of its own
        autoreset_mode=gym.vector.AutoresetMode.DISABLED,
    )


def make_evaluation(source: EnvLike | VectorEnv, given: EnvLike | None) -> Env:
    """Return the environment to evaluate in: the given one, or another like the one trained in."""
    return given if isinstance(given, gym.Env) else make(given or source)


def single_spaces(env: Env | VectorEnv) -> tuple[gym.Space[Any], gym.Space[Any]]:
    """Observation and action space of one environment."""
    if isinstance(env, gym.vector.VectorEnv):
        return env.single_observation_space, env.single_action_space
    return env.observation_space, env.action_space


def id_of(source: EnvLike | VectorEnv) -> str | None:
    """The id that `make` makes the environment from, None where there is none."""
    if isinstance(source, str):
        return source
    spec = getattr(source, "spec", None)
    if spec is None or spec.kwargs or spec.additional_wrappers:
        return None
    return str(spec.id)


def describe(env: Env | VectorEnv) -> str:
    """Name an environment for those who read an error."""
    return str(env.spec.id) if env.spec is not None else type(env.unwrapped).__name__


def frame_stack_of(env: Env | VectorEnv) -> int | None:
    """Return how many frames an observation stacks, along its first axis, or None.

    A stack that the buffer knows of is stored as single frames.
    """
    layer: Any = env.envs[0] if isinstance(env, gym.vector.SyncVectorEnv) else env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, gym.wrappers.FrameStackObservation):
            return int(layer.observation_space.shape[0])  # type: ignore[index]
        layer = layer.env
    if type(layer).__name__ == "AtariVectorEnv" and len(layer.single_observation_space.shape) == 3:
        return int(layer.single_observation_space.shape[0])
    return None
