"""What a run leaves behind as it goes, also when it was killed on the way."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from sharpwave.training.checkpoint import RunFolder, load_checkpoint
from sharpwave.training.records import EPISODES, EVALUATIONS, HEADS, Records

BOTH = sorted(HEADS)


def text(folder: Path, name: str = EPISODES) -> str:
    return (folder / name).read_text()


def written(folder: Path, rows, name: str = EPISODES, done: int = 0) -> str:
    Records(folder, done).write(name, rows)
    return text(folder, name)


# --- lines


@pytest.mark.parametrize("name", BOTH)
def test_a_new_run_has_files_with_their_heads(tmp_path, name) -> None:
    Records(tmp_path)
    assert text(tmp_path, name) == HEADS[name] + "\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == BOTH


def test_lines_are_in_the_file_when_writing_returns(tmp_path) -> None:
    records = Records(tmp_path)
    records.write(EPISODES, [(10, 10, 1.5), (25, 15, -2.0)])
    assert text(tmp_path) == "step,length,return\n10,10,1.5\n25,15,-2\n"
    records.write(EPISODES, [])
    records.write(EPISODES, [(30, 5, 0.1)])
    records.write(EVALUATIONS, [(30, 5, 9.25, 0.5)])
    assert text(tmp_path).endswith("25,15,-2\n30,5,0.1\n")
    assert text(tmp_path, EVALUATIONS) == "step,episodes,mean_return,std_return\n30,5,9.25,0.5\n"


def test_numbers_are_read_back_as_they_were(tmp_path) -> None:
    rng = np.random.default_rng(0)
    numbers = [*rng.normal(size=50), 1e300, -5e-324, 0.1 + 0.2, 2.0**60, np.float32(0.1), math.nan]
    numbers += [math.inf, -math.inf, True, np.int64(3)]
    rows = [(np.int64(i), i, number) for i, number in enumerate(numbers)]
    Records(tmp_path).write(EPISODES, rows)
    with (tmp_path / EPISODES).open(newline="") as file:
        found = list(csv.DictReader(file))
    for row, number in zip(found, numbers, strict=True):
        assert float(row["return"]) == float(number) or math.isnan(float(number))
        assert row["step"] == row["length"]
    assert [row["return"] for row in found[-4:]] == ["inf", "-inf", "1", "3"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Records(None).write(EPISODES, [(1, 1, 1.0)])
    assert list(tmp_path.iterdir()) == []


# --- a run that goes on


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("done", "kept"), [(5, []), (10, [10]), (29, [10, 20]), (30, [10, 20, 30]), (99, [10, 20, 30])]
)
def test_a_continued_run_cuts_what_is_after_the_step_it_goes_on_from(
    tmp_path, name, done, kept
) -> None:
    columns = HEADS[name].count(",")
    Records(tmp_path).write(name, [(step, *[0.5] * columns) for step in (10, 20, 30)])
    Records(tmp_path, done)
    lines = text(tmp_path, name).splitlines()
    assert lines[0] == HEADS[name]
    assert lines[1:] == [",".join([str(step), *["0.5"] * columns]) for step in kept]
    assert text(tmp_path, name).endswith("\n")


def test_it_writes_on_where_it_was_cut(tmp_path) -> None:
    Records(tmp_path).write(EPISODES, [(10, 10, 1.0), (200, 20, 2.0)])
    assert written(tmp_path, [(30, 20, 3.0)], done=15).splitlines()[1:] == ["10,10,1", "30,20,3"]


def test_a_new_run_in_the_same_folder_begins_anew(tmp_path) -> None:
    Records(tmp_path).write(EPISODES, [(10, 10, 1.0)])
    assert written(tmp_path, []) == "step,length,return\n"


def test_a_continued_run_without_its_files_begins_them(tmp_path) -> None:
    assert written(tmp_path, [(60, 10, 1.0)], done=50) == "step,length,return\n60,10,1\n"


WHOLE = "step,length,return\n5,5,1.0\n10,5,1.25\n"


@pytest.mark.parametrize("cut", range(len("123,11,12.5\n")))
def test_a_line_that_a_killed_process_began_is_taken_away(tmp_path, cut) -> None:
    (tmp_path / EPISODES).write_text(WHOLE + "123,11,12.5\n"[:cut])
    Records(tmp_path, 100)
    assert text(tmp_path) == WHOLE


@pytest.mark.parametrize("content", ["", "step,len", "\n\n", WHOLE + "\n\n"], ids=repr)
def test_a_file_cut_anywhere_else_is_made_whole(tmp_path, content) -> None:
    (tmp_path / EPISODES).write_text(content)
    Records(tmp_path, 100)
    assert text(tmp_path) == (WHOLE if content.startswith(WHOLE) else HEADS[EPISODES] + "\n")


def test_no_moment_is_without_the_lines_that_stay(tmp_path, monkeypatch) -> None:
    (tmp_path / EPISODES).write_text(WHOLE)
    (tmp_path / EVALUATIONS).write_text(HEADS[EVALUATIONS] + "\n")
    replaced = Path.replace

    def killed(self: Path, target: Path) -> Path:
        assert text(tmp_path) == WHOLE
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        Records(tmp_path, 100)
    monkeypatch.setattr(Path, "replace", replaced)
    Records(tmp_path, 100)
    assert text(tmp_path) == WHOLE


# --- checkpoints


class Killed:
    """A buffer in whose saving the process ends."""

    def save(self, path: Path) -> None:
        path.mkdir()
        raise KeyboardInterrupt


def save(folder: Path, step: int, number: int, **buffers: Any) -> None:
    RunFolder(folder, goes_on=True).checkpoint(step, {"number": number}, buffers)


def loaded(folder: Path) -> tuple[int, int]:
    step, state, _ = load_checkpoint(folder)
    return step, state["number"]


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("checkpoint-*"))


@pytest.mark.parametrize("step", [5, 9])
def test_a_checkpoint_takes_the_place_of_the_one_before(tmp_path, step) -> None:
    save(tmp_path, 5, 1)
    save(tmp_path, step, 2)
    assert loaded(tmp_path) == (step, 2)
    assert checkpoints(tmp_path) == [f"checkpoint-{step:09d}"]


@pytest.mark.parametrize("step", [5, 9])
def test_one_that_is_not_finished_leaves_the_one_before(tmp_path, step) -> None:
    save(tmp_path, 5, 1)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, step, 2, buffer=Killed())
    assert loaded(tmp_path) == (5, 1)
    save(tmp_path, step, 3)
    assert loaded(tmp_path) == (step, 3)
    assert checkpoints(tmp_path) == [f"checkpoint-{step:09d}"]


@pytest.mark.parametrize("renames", [0, 1, 2])
@pytest.mark.parametrize("step", [5, 9])
def test_a_process_killed_between_any_two_renames_loses_nothing(
    tmp_path, monkeypatch, step, renames
) -> None:
    save(tmp_path, 5, 1)
    left, rename = [renames], Path.rename

    def killed(self: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        try:
            save(tmp_path, step, 2)
        except KeyboardInterrupt:
            assert loaded(tmp_path) == (5, 1)
    save(tmp_path, step, 3)
    assert loaded(tmp_path) == (step, 3)
    assert checkpoints(tmp_path) == [f"checkpoint-{step:09d}"]


def test_a_checkpoint_that_was_taken_away_is_missed_by_name(tmp_path) -> None:
    save(tmp_path, 5, 1)
    shutil.rmtree(tmp_path / "checkpoint-000000005")
    with pytest.raises(ValueError, match=r"checkpoint-000000005.*expected the file of a run"):
        load_checkpoint(tmp_path)
