"""The benchmark's own arithmetic, its tables and its protocol between processes."""

from __future__ import annotations

import argparse
import doctest
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
    machine,
    memory,
    report,
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
        "settings": {"rounds": 3, "seconds": 0.03, "rows": 1000},
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
            "target/32x3/arrays": timings(sharpwave=[250.0, 250.0, 250.0], limit=[20.0] * 3),
            "target/32x3/tensors": timings(
                sharpwave=[500.0, 500.0, 500.0], torch=[4000.0, 4000.0, 4000.0]
            ),
        },
    }


def line(text: str, start: str) -> list[str]:
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_ratio_is_the_median_of_the_rounds_ratios(result: dict[str, Any]) -> None:
    row = line(tables.table(result, tables.buffer_rows()), "`sample(32)`, arrays out")
    # 5/1, 6/1 and 8/2: their median is 5; the medians' ratio would be 6
    assert row == [
        "`sample(32)`, arrays out", "**1.00** (1.00–2.00)", "–", "6.00 (5.0×)", "5.0×", "0.500", "50 %",
    ]  # fmt: skip


def test_the_fastest_peer_is_the_one_in_the_last_ratio(result: dict[str, Any]) -> None:
    row = line(tables.table(result, tables.buffer_rows()), "`add`, one transition")
    assert row[2:] == ["3.00 (30×)", "0.250 (2.5×)", "2.5×", "–", "–"]


def test_replay_is_compared_with_our_uniform_sample_of_the_same_form(
    result: dict[str, Any],
) -> None:
    text = tables.table(result, tables.replay_rows(), yardsticks=(tables.UNIFORM,))
    row = line(text, "`sample(32)` and `update_priorities`, prioritized, arrays out")
    # the rounds' ratios are 2, 2 and 2.5
    assert row[2:] == ["30.0 (10×)", "10×", "1.00", "2.0×"]


def test_frames_are_compared_with_the_bare_loop_and_with_memcpy(result: dict[str, Any]) -> None:
    text = tables.table(result, tables.frame_rows(), yardsticks=(tables.LOOP, tables.MEMCPY))
    row = line(text, "`sample(32)`, stacks of 4 frames, tensors out")
    assert row[2:] == ["0.300 (3.0×)", "3.0×", "0.080", "80 %", "0.150", "150 %"]
    assert text in report.page(result)


def test_our_sample_alone_is_no_table(result: dict[str, Any]) -> None:
    ours = result["timings"]["sample/32/arrays"]["sharpwave"]
    result["timings"] = {"sample/32/arrays": {"sharpwave": ours}}
    assert tables.table(result, tables.buffer_rows()) == ""


def test_a_kind_is_measured_with_those_of_the_same_rows_and_beside_uniform() -> None:
    assert main.wanted(["sharpwave", "cpprb"], ["prioritized"]) == {
        "sharpwave": ["sample", "prioritized"],
        "cpprb": ["prioritized"],
    }
    assert main.wanted(["sb3"], ["stacks", "stacks_add"]) == {
        "sb3": ["stacks", "stacks_add"],
        "sb3+malloc": ["stacks"],
    }
    with pytest.raises(argparse.ArgumentTypeError, match="no such kind: juggle"):
        main.kinds_of("add,juggle")


def test_fields_read_are_compared_with_a_peer_that_always_makes_them(
    result: dict[str, Any],
) -> None:
    row = line(
        tables.table(result, tables.buffer_rows()), "`sample(32)`, arrays out, every field read"
    )
    assert row[3:5] == ["6.00 (4.0×)", "4.0×"]


def test_targets_are_ranges_over_the_action_counts(result: dict[str, Any]) -> None:
    row = line(tables.table(result, tables.td_rows()), "`target`, batch 32, arrays in")
    assert row[1:] == ["**0.200–0.250**", "4.00 (16–20×)", "16–20×", "0.020", "8.0–10 %"]


def test_the_page_names_those_who_were_skipped(result: dict[str, Any]) -> None:
    assert "Skipped: cpprb (No module named 'cpprb')." in report.page(result)
    assert "Page faults a call: none took 0.05 or more." in report.page(result)


def test_time_that_others_held_the_processor_is_left_out(result: dict[str, Any]) -> None:
    ours = result["timings"]["sample/32/arrays"]["sharpwave"]
    ours["waited"] = [0.5, 0.5, 0.75]
    row = line(tables.table(result, tables.buffer_rows()), "`sample(32)`, arrays out")
    assert row[1] == "**0.500** (0.500–0.500)" and row[3] == "6.00 (12×)"
    ours["ns"], ours["waited"] = [1.0], [0.5]
    assert report.waited({"timings": {"add": {"sharpwave": ours}}}).startswith("100%")


def test_examples_of_the_reports_are_true() -> None:
    for module in (report, tables, main, memory):
        assert doctest.testmod(module).failed == 0


@pytest.fixture
def numpy_worker() -> Iterator[rounds.Worker]:
    process = rounds.Worker("numpy")
    yield process
    process.close()


def test_a_worker_makes_checks_and_times(numpy_worker: rounds.Worker) -> None:
    made = numpy_worker.ask("make", kinds=["sample", "add", "td"], rows=1000)
    assert made["label"] == "NumPy" and made["version"] == np.__version__
    assert {"sample/32/arrays", "add", "double_target/1024x6/arrays"} <= set(made["operations"])
    assert set(numpy_worker.ask("check")["checked"]) == set(made["operations"]) - {"add"}
    assert numpy_worker.ask("calibrate", operation="add", seconds=0.001)["calls"] > 10
    assert numpy_worker.ask("time", operation="sample/32/arrays", calls=10)["ns"] > 100


def test_a_failure_in_a_worker_is_raised_with_its_traceback(numpy_worker: rounds.Worker) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'juggle'"):
        numpy_worker.ask("time", operation="juggle", calls=1)
    assert numpy_worker.ask("make", kinds=["td"], rows=1)["label"] == "NumPy"


def test_a_contender_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rlox.py").write_text("raise ModuleNotFoundError(\"No module named 'rlox'\")\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    )
    ((_, about),) = rounds.start({"rlox": ["add"]}, 10)
    assert about == {"missing": "No module named 'rlox'"}


def test_every_round_times_every_worker_once(numpy_worker: rounds.Worker) -> None:
    numpy_worker.ask("make", kinds=["add"], rows=100)
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
