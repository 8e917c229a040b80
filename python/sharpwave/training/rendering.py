"""Greedy episodes to look at: what an environment shows after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sharpwave.agents import checks
from sharpwave.training.environments import Env
from sharpwave.training.evaluate import Policy, greedy

Frame = npt.NDArray[np.uint8]

DEFAULT_FPS = 30


class Moment(NamedTuple):
    """What is to be seen after a step; step 0 is the start."""

    step: int
    reward: float
    total: float
    """the return so far"""
    picture: Any
    """what ``env.render()`` returned"""


def make_rendered(make_env: Callable[..., Env], *modes: str) -> Env:
    """Make an environment that renders in the first of the modes that it offers.

    Parameters
    ----------
    make_env
        Makes an environment, and takes ``render_mode``: ``functools.partial(gymnasium.make, id)``
        is one. It need not take it where what it makes renders in one of the modes anyway.
    modes
        Gymnasium's words, the preferred one first.

    Raises
    ------
    ValueError
        The environment offers none of them in ``metadata["render_modes"]``.
    """
    env = make_env()
    if env.render_mode in modes:
        return env
    offered = list(env.metadata.get("render_modes") or [])
    env.close()
    for mode in modes:
        if mode in offered:
            return make_env(render_mode=mode)
    raise ValueError(
        f"make_env: expected an environment that renders as {' or '.join(modes)}, "
        f"got {env}, whose render modes are {offered}"
    )


def episode(policy: Policy, env: Env, seed: int, max_steps: int = 1_000_000) -> Iterator[Moment]:
    """Play an episode as `evaluate` does, and yield what is to be seen at its start and each step.

    Parameters
    ----------
    policy
        Its ``act(obs)`` is called, without exploration.
    env
        Made with a render mode.
    seed
        Of the episode's start.
    max_steps
        Where an episode is left, in an environment that sets no limit itself.
    """
    total = 0.0
    for number, step in enumerate(greedy(policy, env, seed, max_steps)):
        total += step.reward
        yield Moment(number, step.reward, total, env.render())


def frames_per_second(env: Env, fps: float | None) -> float:
    """Return what was asked for, else the environment's ``render_fps``, else 30."""
    own = env.metadata.get("render_fps") or DEFAULT_FPS
    return checks.number("fps", own if fps is None else fps, above=0)


def as_frame(picture: Any) -> Frame:
    """Return a picture as an array, uint8 of shape (H, W, 3).

    Raises
    ------
    ValueError
        It is none.
    """
    frame = np.asarray(picture)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ValueError(
            "render(): expected uint8 of shape (height, width, 3), "
            f"got {frame.dtype} of shape {frame.shape}"
        )
    return frame
