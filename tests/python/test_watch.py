"""Episodes drawn in a terminal."""

from __future__ import annotations

import doctest
import io
import os
import signal
import threading
import time

import pytest
from picture_env import PictureChain, TextChain, drawn
from tiny_envs import Always, Chain

pytest.importorskip("torch")

from sharpwave.training import watch as module
from sharpwave.training.half_blocks import RESET

watch = module.watch


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "6")
    return Terminal()


def pages(terminal: Terminal) -> list[list[str]]:
    text = terminal.getvalue()
    assert text.startswith(module.ENTER)
    assert text.endswith(RESET + module.LEAVE)
    text = text.removeprefix(module.ENTER).removesuffix(RESET + module.LEAVE)
    return [
        page.removesuffix(module.CLEAR_BELOW).replace(module.CLEAR_LINE, "").split("\n")
        for page in text.split(module.HOME)[1:]
    ]


def test_every_step_is_drawn_with_a_line_about_it(terminal) -> None:
    returns = watch(Always(1), TextChain, 2, fps=1e6, pause=0, out=terminal)
    assert returns.tolist() == [1.0, 1.0]
    found = pages(terminal)
    assert len(found) == 10
    assert found[0] == ["", "x", "episode 1/2   step 0   reward 0   return 0"]
    assert found[9] == ["", "....x", "episode 2/2   step 4   reward 1   return 1"]


def test_pictures_fill_the_terminal_but_for_the_last_line(terminal) -> None:
    watch(Always(1), PictureChain, fps=1e6, pause=0, out=terminal)
    *picture, status = pages(terminal)[3]
    pixels = drawn("\n".join(picture))
    assert pixels.shape == (10, 14, 3)  # 5 by 7, twice as large
    assert (pixels == [200, 180, 180]).all()
    assert status.startswith("episode 1/1   step 3")


def test_a_text_that_is_too_long_never_scrolls(terminal) -> None:
    class Tall(TextChain):
        def render(self) -> str:
            return "line\n" * 50

    watch(Always(1), Tall, fps=1e6, pause=0, out=terminal)
    assert {len(page) for page in pages(terminal)} == {6}


def test_steps_come_no_faster_than_asked(terminal, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    watch(Always(1), TextChain, fps=2, pause=3, out=terminal)
    assert now[0] == pytest.approx(4 / 2 + 3)
    now[0] = 0.0
    watch(Always(1), PictureChain, pause=0, out=terminal)  # its own 10
    assert now[0] == pytest.approx(0.4)


def test_ctrl_c_ends_it_and_brings_the_terminal_back(terminal) -> None:
    class Interrupting(Always):
        def act(self, obs: int) -> int:
            if obs == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return 1

    before = signal.getsignal(signal.SIGINT)
    returns = watch(Interrupting(1), TextChain, 3, fps=1e6, pause=0, out=terminal)
    assert returns.tolist() == []
    assert len(pages(terminal)) == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_heard_during_a_long_wait(terminal) -> None:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.perf_counter()
    assert watch(Always(1), TextChain, fps=0.01, out=terminal).tolist() == []
    assert time.perf_counter() - begin < 30
    timer.join()


def test_an_error_brings_the_terminal_back_too(terminal) -> None:
    class Broken(TextChain):
        def render(self) -> str:
            raise RuntimeError("no picture")

    with pytest.raises(RuntimeError, match="no picture"):
        watch(Always(1), Broken, out=terminal)
    assert terminal.getvalue() == module.ENTER + RESET + module.LEAVE


def test_without_a_terminal_it_refuses(capsys) -> None:
    with pytest.raises(ValueError, match="expected a terminal to draw in, got a file or a pipe"):
        watch(Always(1), TextChain)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"episodes": 0}, "episodes: expected an integer of at least 1"),
        ({"fps": -1}, "fps: expected a finite number above 0"),
        ({"pause": -1}, "pause: expected a finite number of at least 0"),
        ({"make_env": Chain}, "expected an environment that renders as ansi or rgb_array"),
    ],
)
def test_what_cannot_be_watched(terminal, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        watch(**{"policy": Always(1), "make_env": TextChain, "out": terminal, **options})
    assert terminal.getvalue() == ""
