"""Greedy episodes as films: an mp4 file each, in H.264, which every browser and player shows.

Frames go through a pipe to the ffmpeg that comes with imageio-ffmpeg, a package without
dependencies. Gymnasium's RecordVideo would do, but needs moviepy, which is imageio-ffmpeg and five
packages more, and keeps an episode's frames in memory.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sharpwave.agents import checks
from sharpwave.training.environments import Env
from sharpwave.training.evaluate import Policy
from sharpwave.training.rendering import (
    Frame,
    Moment,
    as_frame,
    episode,
    frames_per_second,
    make_rendered,
)

INSTALL = 'pip install "sharpwave[video]"'
QUALITY = 7  # of 10
LONG_SIDE = 480  # what small frames are enlarged to, at most


def record(
    policy: Policy,
    make_env: Callable[..., Env],
    folder: str | Path,
    episodes: int = 1,
    seed: int = 0,
    *,
    fps: float | None = None,
    max_steps: int = 1_000_000,
) -> list[Path]:
    """Play greedy episodes and write each as a film.

    Episode i starts with ``env.reset(seed=seed + i)``: these are the episodes that `evaluate`
    plays with the same seed.

    Parameters
    ----------
    policy
        Its ``act(obs)`` is called, without exploration.
    make_env
        Makes an environment, and takes ``render_mode``, e.g. ``functools.partial(gymnasium.make,
        "CartPole-v1")``.
    folder
        For the files; it is made. An earlier film of the same number there is replaced.
    episodes
        How many.
    seed
        Of the first episode.
    fps
        Frames a second; None takes the environment's ``render_fps``, or 30.
    max_steps
        Where an episode is left, in an environment that sets no limit itself.

    Returns
    -------
    list of Path
        The files, named by episode and return: ``episode-0-return-200.mp4``.

    Raises
    ------
    ModuleNotFoundError
        imageio-ffmpeg is missing.
    ValueError
        The environment does not render as rgb_array.

    Examples
    --------
    >>> from functools import partial
    >>> import gymnasium as gym
    >>> from sharpwave.training import load_agent
    >>> from sharpwave.training.video import record
    >>> make_env = partial(gym.make, "CartPole-v1")
    >>> record(load_agent("runs/cartpole"), make_env, "videos", 2)  # doctest: +SKIP
    [PosixPath('videos/episode-0-return-500.mp4'), PosixPath('videos/episode-1-return-487.mp4')]
    """
    ffmpeg = _ffmpeg()
    episodes = checks.integer("episodes", episodes, at_least=1)
    env = make_rendered(make_env, "rgb_array")
    try:
        rate = frames_per_second(env, fps)
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        return [
            _film(ffmpeg, episode(policy, env, seed + number, max_steps), path, number, rate)
            for number in range(episodes)
        ]
    finally:
        env.close()


def _film(ffmpeg: Any, moments: Iterator[Moment], folder: Path, number: int, fps: float) -> Path:
    unfinished = folder / f"episode-{number}.unfinished.mp4"
    try:
        total = _write(ffmpeg, moments, unfinished, fps)
        for earlier in folder.glob(f"episode-{number}-return-*.mp4"):
            earlier.unlink()
        return unfinished.rename(folder / f"episode-{number}-return-{total:g}.mp4")
    finally:
        unfinished.unlink(missing_ok=True)


def _write(ffmpeg: Any, moments: Iterator[Moment], path: Path, fps: float) -> float:
    moment = next(moments)
    frame = _film_frame(moment.picture)
    height, width, _ = frame.shape
    # Without macro_block_size=1 frames are stretched to multiples of 16.
    settings = {"macro_block_size": 1, "quality": QUALITY, "ffmpeg_log_level": "error"}
    with closing(ffmpeg.write_frames(path, (width, height), fps=fps, **settings)) as writer:
        writer.send(None)
        writer.send(frame)
        for moment in moments:
            writer.send(_film_frame(moment.picture))
    return moment.total


def _film_frame(picture: Any) -> Frame:
    """The picture, small ones enlarged by a whole factor, with even sides."""
    frame = as_frame(picture)
    # The format keeps colours at half the resolution: a pixel-sized object would lose its own.
    factor = max(1, LONG_SIDE // max(frame.shape[:2]))
    frame = frame.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width, _ = frame.shape
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _ffmpeg() -> Any:
    try:
        return importlib.import_module("imageio_ffmpeg")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a film needs imageio-ffmpeg: {INSTALL}", name="imageio_ffmpeg"
        ) from error
