"""Greedy episodes in a terminal: frames as half blocks in colour, or the environment's own text."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import numpy as np
import numpy.typing as npt

from sharpwave.agents import checks
from sharpwave.training.environments import Env
from sharpwave.training.evaluate import Policy
from sharpwave.training.half_blocks import RESET, half_blocks
from sharpwave.training.interrupt import Stop, stop_on_signals
from sharpwave.training.rendering import Moment, episode, frames_per_second, make_rendered

# The other screen, no cursor, no wrapping of long lines; and all of it back (ECMA-48, xterm).
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
SECONDS_BETWEEN_LOOKS = 0.05  # for Ctrl-C, while waiting


def watch(
    policy: Policy,
    make_env: Callable[..., Env],
    episodes: int = 1,
    seed: int = 0,
    *,
    fps: float | None = None,
    pause: float = 1.0,
    max_steps: int = 1_000_000,
    out: TextIO | None = None,
) -> npt.NDArray[np.float64]:
    """Play greedy episodes and draw each step in the terminal.

    Episode i starts with ``env.reset(seed=seed + i)``: these are the episodes that `evaluate`
    plays with the same seed. An environment that offers ``render_mode="ansi"`` is shown by its
    own text; of others, frames are scaled to the terminal. Ctrl-C ends it; whatever ends it, the
    terminal is left as it was.

    Parameters
    ----------
    policy
        Its ``act(obs)`` is called, without exploration.
    make_env
        Makes an environment, and takes ``render_mode``, e.g. ``functools.partial(gymnasium.make,
        "CartPole-v1")``.
    episodes
        How many.
    seed
        Of the first episode.
    fps
        Steps a second at most; None takes the environment's ``render_fps``, or 30.
    pause
        Seconds that the end of an episode stays.
    max_steps
        Where an episode is left, in an environment that sets no limit itself.
    out
        A terminal; None is stdout.

    Returns
    -------
    ndarray
        The returns of the complete episodes, float64.

    Raises
    ------
    ValueError
        ``out`` is no terminal, or the environment renders neither as text nor as rgb_array.

    Examples
    --------
    >>> from functools import partial
    >>> import gymnasium as gym
    >>> from sharpwave.training import load_agent
    >>> from sharpwave.training.watch import watch
    >>> returns = watch(  # doctest: +SKIP
    ...     load_agent("runs/cartpole"), partial(gym.make, "CartPole-v1"), episodes=3
    ... )
    """
    screen = sys.stdout if out is None else out
    if not screen.isatty():
        raise ValueError(
            "watch: expected a terminal to draw in, got a file or a pipe; record a video instead"
        )
    episodes = checks.integer("episodes", episodes, at_least=1)
    pause = checks.number("pause", pause, at_least=0)
    env = make_rendered(make_env, "ansi", "rgb_array")
    returns: list[float] = []
    try:
        seconds = 1 / frames_per_second(env, fps)
        with _drawing_on(screen), stop_on_signals() as stop:
            for number in range(episodes):
                moments = episode(policy, env, seed + number, max_steps)
                total = _show(screen, moments, f"episode {number + 1}/{episodes}", seconds, stop)
                if total is None:
                    break
                returns.append(total)
                _wait(time.perf_counter() + pause, stop)
    finally:
        env.close()
    return np.array(returns, dtype=np.float64)


def _show(
    screen: TextIO, moments: Iterator[Moment], title: str, seconds: float, stop: Stop
) -> float | None:
    """Draw an episode and return its return, or None where it was stopped."""
    total, due = 0.0, 0.0
    for moment in moments:
        _wait(due, stop)
        if stop():
            return None
        due = time.perf_counter() + seconds
        screen.write(_page(moment, title, *shutil.get_terminal_size()))
        screen.flush()
        total = moment.total
    return total


def _page(moment: Moment, title: str, columns: int, rows: int) -> str:
    room = max(1, rows - 1)
    text = moment.picture
    if not isinstance(text, str):
        text = half_blocks(text, columns, room)
    status = f"{title}   step {moment.step}   reward {moment.reward:g}   return {moment.total:g}"
    lines = [*text.splitlines()[:room], status]
    # A line is cleared before it is written: after one that is full, its last column would go.
    return HOME + "\n".join(CLEAR_LINE + line for line in lines) + CLEAR_BELOW


@contextmanager
def _drawing_on(screen: TextIO) -> Iterator[None]:
    screen.write(ENTER)
    try:
        yield
    finally:
        screen.write(RESET + LEAVE)
        screen.flush()


def _wait(until: float, stop: Stop) -> None:
    while not stop() and (left := until - time.perf_counter()) > 0:
        time.sleep(min(left, SECONDS_BETWEEN_LOOKS))
