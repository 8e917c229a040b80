"""Films of greedy episodes, read back with the same ffmpeg."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from picture_env import SHADES, PictureChain
from tiny_envs import Always, Chain, Coin

pytest.importorskip("torch")

from sharpwave.training import evaluate, video
from sharpwave.training.rendering import as_frame, episode, make_rendered
from sharpwave.training.video import _film_frame, record


@pytest.fixture
def ffmpeg():
    return pytest.importorskip("imageio_ffmpeg")


def film(ffmpeg, path) -> tuple[float, np.ndarray]:
    """Frames a second, and the frames."""
    command = [ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    size, fps = re.search(rb"Video: h264.* (\d+x\d+).* ([\d.]+) fps", done.stderr).groups()
    width, height = map(int, size.split(b"x"))
    return float(fps), np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def test_the_examples_run() -> None:
    assert doctest.testmod(video).failed == 0


# --- films


def test_a_film_shows_the_start_and_every_step(tmp_path, ffmpeg) -> None:
    (path,) = record(Always(1), PictureChain, tmp_path / "new", 1)
    assert path == tmp_path / "new" / "episode-0-return-1.mp4"
    fps, frames = film(ffmpeg, path)
    assert fps == 10
    assert frames.shape == (5, 340, 476, 3)
    shades = frames[..., 1].mean(axis=(1, 2))
    np.testing.assert_allclose(shades, SHADES, atol=3)
    np.testing.assert_allclose(frames[..., 0].mean(), 200, atol=3)


def test_a_file_for_each_episode_named_by_its_return(tmp_path, ffmpeg) -> None:
    class PictureCoin(PictureChain, Coin):
        def __init__(self, render_mode: str | None = None) -> None:
            PictureChain.__init__(self, render_mode)
            Coin.__init__(self)
            self.place = 0

        reset, step = Coin.reset, Coin.step

    returns = evaluate(Always(0), Coin(), 2, seed=40)
    paths = record(Always(0), PictureCoin, tmp_path, 2, 40)
    assert [p.name for p in paths] == [
        f"episode-{i}-return-{value:g}.mp4" for i, value in enumerate(returns)
    ]
    assert set(tmp_path.iterdir()) == set(paths)


def test_a_film_of_another_agent_takes_the_place_of_the_earlier(tmp_path, ffmpeg) -> None:
    record(Always(0), PictureChain, tmp_path, 2)
    record(Always(1), PictureChain, tmp_path, 1, fps=5)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["episode-0-return-1.mp4", "episode-1-return-0.mp4"]
    assert film(ffmpeg, tmp_path / names[0])[0] == 5


def test_a_policy_that_fails_leaves_no_half_film(tmp_path, ffmpeg) -> None:
    class Failing:
        def act(self, obs: int) -> int:
            if obs == 2:
                raise RuntimeError("no idea")
            return 1

    env = PictureChain(render_mode="rgb_array")
    with pytest.raises(RuntimeError, match="no idea"):
        record(Failing(), lambda: env, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert env.closed


def test_small_pictures_grow_by_a_whole_factor_and_sides_become_even() -> None:
    small = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    large = _film_frame(small)
    assert large.shape == (340, 476, 3)  # 480 // 7 = 68
    np.testing.assert_array_equal(large[::68, ::68], small)
    odd = np.random.default_rng(0).integers(0, 256, (301, 401, 3), np.uint8)
    even = _film_frame(odd)
    assert even.shape == (302, 402, 3)
    np.testing.assert_array_equal(even[:301, :401], odd)
    np.testing.assert_array_equal(even[301], even[300])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"episodes": 0}, "episodes: expected an integer of at least 1"),
        ({"fps": 0}, "fps: expected a finite number above 0"),
        ({"make_env": Chain}, r"renders as rgb_array, got <Chain.*>, whose render modes are \[\]"),
    ],
)
def test_what_cannot_be_filmed(tmp_path, ffmpeg, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        record(**{"policy": Always(1), "make_env": PictureChain, "folder": tmp_path, **options})


def test_without_ffmpeg_it_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "sharpwave\[video\]"') as caught:
        record(Always(1), PictureChain, tmp_path)
    assert caught.value.name == "imageio_ffmpeg"


# --- what is filmed and watched


def test_an_episode_to_look_at_is_the_one_that_is_evaluated() -> None:
    moments = list(episode(Always(1), PictureChain(render_mode="ansi"), seed=0))
    assert [(m.step, m.reward, m.total) for m in moments] == [
        (0, 0.0, 0.0),
        (1, 0.0, 0.0),
        (2, 0.0, 0.0),
        (3, 0.0, 0.0),
        (4, 1.0, 1.0),
    ]
    assert [m.picture for m in moments] == ["\nx", "\n.x", "\n..x", "\n...x", "\n....x"]


def test_an_episode_without_end_is_left() -> None:
    moments = episode(Always(0), PictureChain(render_mode="ansi"), seed=0, max_steps=3)
    assert [m.step for m in moments] == [0, 1, 2, 3]


def test_the_first_mode_that_an_environment_offers_is_taken() -> None:
    assert make_rendered(PictureChain, "ansi", "rgb_array").render_mode == "rgb_array"
    made = partial(PictureChain, "ansi")
    assert make_rendered(made, "rgb_array", "ansi").render_mode == "ansi"


@pytest.mark.parametrize(
    "picture",
    [None, np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3)), []],
)
def test_what_is_no_picture_is_refused(picture) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(height, width, 3\), got"):
        as_frame(picture)
