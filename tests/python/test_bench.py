"""The benchmark's own arithmetic, its tables and its protocol between processes."""

from __future__ import annotations

import argparse
import dataclasses
import doctest
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import (
    __main__ as main,
)
from bench import (
    charts,
    kinds,
    lines,
    machine,
    memory,
    report,
    results,
    rounds,
    tables,
)


def timings(**nanoseconds: list[float]) -> dict[str, dict[str, list[float]]]:
    return {
        name: {"ns": ns, "faults": [0.0] * len(ns), "waited": [0.0] * len(ns)}
        for name, ns in nanoseconds.items()
    }


@pytest.fixture
def result() -> dict[str, Any]:
    return {
        "date": "2026-11-23T12:00:00+00:00",
        "machine": {
            "cpu": "Abacus",
            "cpus": 2,
            "kernel": "Linux 6",
            "python": "3.11.7",
            "load": 0.1,
        },
        "parts": [{"data": "vectors", "rounds": 3, "seconds": 0.03, "load": 0.1}],
        "memory": {"stacks": {"sharpwave": 7100.0, "limit": 7000.0, "sb3": 28000.0}},
        "contenders": {
            "sharpwave": {"label": "sharpwave", "version": "0.1.0"},
            "limit": {"label": "C++ loop", "version": "c++ 12"},
            "sb3": {"label": "SB3", "version": "2.9"},
            "rlox": {"label": "rlox", "version": "1.2"},
            "torch": {"label": "PyTorch", "version": "2.13"},
            "tianshou": {"label": "Tianshou", "version": "2.0"},
            "cpprb": {"missing": "No module named 'cpprb'"},
        },
        "timings": {
            "sample/32/arrays": timings(
                sharpwave=[1000.0, 1000.0, 2000.0],
                limit=[500.0, 500.0, 500.0],
                rlox=[5000.0, 6000.0, 8000.0],
            ),
            "sample/32/arrays-read": timings(sharpwave=[1500.0, 1500.0, 1500.0]),
            "sample/32/tensors": timings(
                sharpwave=[2000.0, 2000.0, 2000.0], sb3=[50000.0, 60000.0, 70000.0]
            ),
            "add": timings(
                sharpwave=[100.0, 100.0, 100.0], rlox=[250.0, 260.0, 240.0], sb3=[3000.0] * 3
            ),
            "prioritized/32/arrays": timings(
                sharpwave=[2000.0, 2000.0, 5000.0], tianshou=[40000.0, 20000.0, 30000.0]
            ),
            "stacks/32/tensors": timings(
                sharpwave=[100.0, 100.0, 100.0], limit=[80.0, 80.0, 80.0], sb3=[300.0, 300.0, 300.0]
            ),
            "stacks/32/memcpy": timings(limit=[150.0, 150.0, 150.0]),
            "target/32x2/arrays": timings(sharpwave=[200.0, 200.0, 200.0], limit=[20.0] * 3),
            "target/32x2/tensors": timings(
                sharpwave=[400.0, 400.0, 400.0], torch=[4000.0, 4000.0, 4000.0]
            ),
            "target/32x4/arrays": timings(sharpwave=[250.0, 250.0, 250.0], limit=[20.0] * 3),
            "target/32x4/tensors": timings(
                sharpwave=[500.0, 500.0, 500.0], torch=[4000.0, 4000.0, 4000.0]
            ),
        },
    }


def line(text: str, start: str) -> list[str]:
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_ratio_is_the_median_of_the_rounds_ratios(result: dict[str, Any]) -> None:
    row = line(tables.table(result, lines.of(lines.UNIFORM)), "`sample(32)`, arrays")
    # 5/1, 6/1 and 8/2: their median is 5; the medians' ratio would be 6
    assert row == [
        "`sample(32)`, arrays", "**1.00** (1.00–2.00)", "–", "6.00 (5.0×)", "5.0×", "0.500", "50 %",
    ]  # fmt: skip


def test_the_fastest_peer_is_the_one_in_the_last_ratio(result: dict[str, Any]) -> None:
    row = line(tables.table(result, lines.of(lines.UNIFORM)), "`add`, one transition")
    assert row[2:] == ["3.00 (30×)", "0.250 (2.5×)", "2.5×", "–", "–"]


def test_replay_is_compared_with_our_uniform_sample_of_the_same_form(
    result: dict[str, Any],
) -> None:
    text = tables.table(result, lines.of(lines.REPLAY), yardsticks=(tables.UNIFORM,))
    row = line(text, "`sample(32)` and `update_priorities`, prioritized, arrays")
    # the rounds' ratios are 2, 2 and 2.5
    assert row[2:] == ["30.0 (10×)", "10×", "1.00", "2.0×"]


def test_frames_are_compared_with_the_bare_loop_and_with_memcpy(result: dict[str, Any]) -> None:
    text = tables.table(result, lines.of(lines.FRAMES), yardsticks=(tables.LOOP, tables.MEMCPY))
    row = line(text, "`sample(32)`, stacks of 4 frames, tensors")
    assert row[2:] == ["0.300 (3.0×)", "3.0×", "0.080", "80 %", "0.150", "150 %"]
    assert text in report.page(result)


def test_our_sample_alone_is_no_table(result: dict[str, Any]) -> None:
    ours = result["timings"]["sample/32/arrays"]["sharpwave"]
    result["timings"] = {"sample/32/arrays": {"sharpwave": ours}}
    assert tables.table(result, lines.of(lines.UNIFORM)) == ""


def test_a_kind_is_measured_with_those_of_the_same_rows_and_beside_uniform() -> None:
    (part,) = kinds.parts(["prioritized"], ["vectors"])
    asked = main.wanted(["sharpwave", "cpprb"], part)
    assert {name: list(each) for name, each in asked.items()} == {
        "sharpwave": ["sample", "prioritized"],
        "cpprb": ["prioritized"],
    }
    (part,) = kinds.parts(["stacks", "stacks_add"])
    asked = main.wanted(["sb3"], part)
    assert {name: list(each) for name, each in asked.items()} == {
        "sb3": ["stacks", "stacks_add"],
        "sb3+malloc": ["stacks"],
    }


def test_a_name_that_is_unknown_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no such thing: juggle"):
        main.some_of(kinds.KINDS)("add,juggle")


def test_fields_read_are_compared_with_a_peer_that_always_makes_them(
    result: dict[str, Any],
) -> None:
    row = line(
        tables.table(result, lines.of(lines.UNIFORM)), "`sample(32)`, arrays, every field read"
    )
    assert row[3:5] == ["6.00 (4.0×)", "4.0×"]


def test_targets_are_ranges_over_the_action_counts(result: dict[str, Any]) -> None:
    row = line(tables.table(result, lines.of(lines.TARGETS)), "`target`, batch 32, arrays")
    assert row[1:] == ["**0.200–0.250**", "4.00 (16–20×)", "16–20×", "0.020", "8.0–10 %"]


def test_the_page_names_those_who_were_skipped(result: dict[str, Any]) -> None:
    assert "Skipped: cpprb (No module named 'cpprb')." in report.page(result)
    assert "Page faults a call: none took 0.05 or more." in report.page(result)


def test_time_that_others_held_the_processor_is_left_out(result: dict[str, Any]) -> None:
    ours = result["timings"]["sample/32/arrays"]["sharpwave"]
    ours["waited"] = [0.5, 0.5, 0.75]
    row = line(tables.table(result, lines.of(lines.UNIFORM)), "`sample(32)`, arrays")
    assert row[1] == "**0.500** (0.500–0.500)" and row[3] == "6.00 (12×)"
    ours["ns"], ours["waited"] = [1.0], [0.5]
    assert report.waited({"timings": {"add": {"sharpwave": ours}}}).startswith("100%")


def test_examples_of_the_reports_are_true() -> None:
    for module in (report, tables, main, memory, kinds, results):
        assert doctest.testmod(module).failed == 0


@pytest.fixture
def numpy_worker() -> Iterator[rounds.Worker]:
    process = rounds.Worker("numpy")
    yield process
    process.close()


def asked(*names: str) -> dict[str, Any]:
    return {name: dataclasses.asdict(kinds.KINDS[name]) for name in names}


def test_a_worker_makes_checks_and_times(numpy_worker: rounds.Worker) -> None:
    wanted = asked("sample", "add", "load", "double_target")
    made = numpy_worker.ask("make", data="vectors", kinds=wanted, rows=1000)
    assert made["label"] == "NumPy" and made["version"] == np.__version__
    assert {"sample/32/arrays", "add", "double_target/1024x6/arrays"} <= set(made["operations"])
    assert set(numpy_worker.ask("check")["checked"]) == set(made["operations"]) - {"add"}
    assert numpy_worker.ask("calibrate", operation="add", seconds=0.001)["calls"] > 10
    assert numpy_worker.ask("time", operation="sample/32/arrays", calls=10)["ns"] > 100


def test_a_failure_in_a_worker_is_raised_with_its_traceback(numpy_worker: rounds.Worker) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'juggle'"):
        numpy_worker.ask("time", operation="juggle", calls=1)
    made = numpy_worker.ask("make", data="values", kinds=asked("target"))
    assert made["label"] == "NumPy"


def test_a_contender_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rlox.py").write_text("raise ModuleNotFoundError(\"No module named 'rlox'\")\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    )
    ((_, about),) = rounds.start({"rlox": asked("add")}, "vectors", 10)
    assert about == {"missing": "No module named 'rlox'"}


def test_a_peer_that_fails_its_check_is_left_out_and_we_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(self: rounds.Worker, do: str, **_: Any) -> dict[str, Any]:
        if do == "check":
            raise RuntimeError("x\nAssertionError: obs differs from what was stored")
        return {"operations": ["add"]}

    monkeypatch.setattr(rounds.Worker, "ask", fails)
    ((_, about),) = rounds.start({"numpy": asked("add")}, "vectors", 10)
    assert about == {"missing": "AssertionError: obs differs from what was stored"}
    with pytest.raises(RuntimeError, match="obs differs"):
        list(rounds.start({"sharpwave": asked("add")}, "vectors", 10))


def test_every_round_times_every_worker_once(numpy_worker: rounds.Worker) -> None:
    numpy_worker.ask("make", data="vectors", kinds=asked("add"), rows=100)
    numpy_worker.operations = ["add"]
    measured = rounds.measure([numpy_worker], ["add", "sample/32/arrays"], rounds=3, seconds=0.001)
    assert {name: len(series) for name, series in measured["add"]["numpy"].items()} == {
        "ns": 3,
        "faults": 3,
        "waited": 3,
    }
    assert measured["sample/32/arrays"] == {}


def test_a_machine_is_described_without_its_name() -> None:
    about = machine.describe()
    assert machine.slug({"cpu": "AMD EPYC", "cpus": 2}) == "amd-epyc-2-cpus"
    assert about["cpus"] == os.cpu_count()
    assert os.uname().nodename not in about.values()


class Slow:
    """A worker whose every call takes so many seconds."""

    def __init__(self, name: str, **took: float) -> None:
        self.name, self.took, self.operations = name, took, list(took)

    def ask(self, do: str, operation: str, **_: Any) -> dict[str, float]:
        took = self.took[operation]
        return {"calls": 1, "took": took} if do == "calibrate" else {"ns": 1e9 * took}


def test_an_operation_with_a_slow_call_comes_in_every_fourth_round_for_all() -> None:
    workers: list[Any] = [Slow("a", add=0.001, save=0.001), Slow("b", add=0.001, save=0.5)]
    measured = rounds.measure(workers, ["add", "save"], rounds=9, seconds=0.03)
    found = {
        name: {who: len(s["ns"]) for who, s in each.items()} for name, each in measured.items()
    }
    assert found == {"add": {"a": 9, "b": 9}, "save": {"a": 3, "b": 3}}


def test_other_data_has_names_of_its_own_and_fewer_sizes(result: dict[str, Any]) -> None:
    (part,) = kinds.parts(["sample", "add", "n_step"], ["obs376"])
    assert list(part.kinds) == ["sample", "add"]
    assert part.kinds["sample"].sizes == kinds.EVERYWHERE_SIZES and not part.kinds["add"].sizes
    assert part.rename("sample/32/arrays") == "sample/32/arrays@obs376"
    result["timings"]["add@obs376"] = result["timings"]["add"]
    row = line(tables.table(result, lines.elsewhere("obs376")), "`add`, one transition")
    assert row[2:4] == ["3.00 (30×)", "0.250 (2.5×)"]
    assert "1e5 rows, observations of 376:" in report.page(result)


def test_a_quick_run_has_every_kind_at_one_size() -> None:
    quick = [kind for part in kinds.parts(quick=True) for kind in part.kinds.items()]
    assert {name for name, _ in quick} == set(kinds.KINDS)
    assert all(len(kind.sizes) <= 1 for _, kind in quick)


def test_the_disk_is_timed_by_the_wall(result: dict[str, Any]) -> None:
    result["timings"]["save"] = timings(sharpwave=[2e6], numpy=[4e6])
    result["contenders"]["numpy"] = {"label": "NumPy", "version": "2"}
    for each in result["timings"]["save"].values():
        each["waited"] = [0.9]
    text = tables.table(result, lines.of(lines.DISK))
    assert text.startswith("| ms a call |")
    assert line(text, "save")[1:4] == ["**2.00**", "4.00 (2.0×)", "2.0×"]


def test_who_is_faster_than_we_are_is_said(result: dict[str, Any]) -> None:
    assert "Slower than a peer: none." in report.page(result)
    result["timings"]["add"]["rlox"]["ns"] = [50.0] * 3
    assert "Slower than a peer: `add`, one transition (add): rlox 0.50×." in report.page(result)


def test_the_front_page_has_the_peers_by_their_speed(result: dict[str, Any]) -> None:
    row = line(report.short(result), "add a step")
    assert row == ["add a step", "**0.100** (0.100–0.100)", "rlox 2.5×, SB3 30×"]


def test_charts_are_drawn_from_a_file_alone(result: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    speed, memory_ = charts.draw(json.loads(json.dumps(result)), tmp_path)
    assert "add a step" in speed.read_text() and "currentColor" in speed.read_text()
    assert "SB3" in memory_.read_text() and "C++ loop" not in memory_.read_text()
    assert charts.draw({**result, "timings": {}, "memory": {}}, tmp_path) == []
