"""The progress bar and TensorBoard."""

from __future__ import annotations

import sys
import types

import pytest

pytest.importorskip("torch")
pytest.importorskip("tqdm")

from sharpwave.training import log as module
from sharpwave.training.log import Log, mean


def test_nothing_is_drawn_where_nobody_looks(capsys) -> None:
    log = Log(100, None, progress=None)
    log.step(50, [1.0], dict)
    log.close(100, [1.0], dict)
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_on_stderr_and_shows_step_return_speed_and_epsilon(capsys) -> None:
    log = Log(100, None, progress=True)
    log.step(50, [10.0, 13.0], lambda: {"epsilon": 0.25})
    log.close(100, [10.0, 13.0], lambda: {"epsilon": 0.25})
    out, err = capsys.readouterr()
    assert out == ""
    assert all(text in err for text in ("50/100", "100/100", "steps/s", "return 11.5", "ε 0.25"))


def test_the_bar_is_redrawn_now_and_then_only(capsys, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    log = Log(1000, None, progress=True)
    for step in range(1, 1000):
        now[0] += 0.001
        log.step(step, [], dict)
    _, err = capsys.readouterr()
    log.close(1000, [], dict)
    assert 3 <= err.count("return nan") <= 7


def test_numbers_go_to_tensorboard(tmp_path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = Log(100, tmp_path, progress=False)
    log.scalars(10, {"train/return": 3.0})
    log.scalars(20, {"train/return": 4.0})
    log.close(20, [], dict)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload().Scalars("train/return")
    assert [(event.step, event.value) for event in events] == [(10, 3.0), (20, 4.0)]


def test_the_mean_of_nothing_is_nan() -> None:
    assert mean([1.0, 2.0]) == 1.5
    assert mean([]) != mean([])


def test_numbers_go_to_weights_and_biases_where_asked_for(tmp_path, monkeypatch) -> None:
    calls: list[object] = []

    class Run:
        def log(self, values, step):
            calls.append((step, values))

        def finish(self):
            calls.append("finished")

    fake = types.SimpleNamespace(init=lambda **options: calls.append(options) or Run())
    monkeypatch.setitem(sys.modules, "wandb", fake)
    log = Log(100, None, progress=False, wandb="mine")
    log.scalars(10, {"train/return": 3.0})
    log.close(10, [], dict)
    assert calls == [{"project": "mine"}, (10, {"train/return": 3.0}), "finished"]


def test_a_missing_package_is_named_with_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"sharpwave\[wandb\]\""):
        Log(100, None, progress=False, wandb="mine")
