"""Folders of runs: which are found, and what is read from them."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from run_folders import write, write_run

pytest.importorskip("torch")

from sharpwave.training import runs as module
from sharpwave.training.runs import find_runs


def test_the_examples_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(module).failed == 0


def test_runs_are_found_at_any_depth_and_one_folder_may_be_a_run(tmp_path) -> None:
    write_run(tmp_path / "a" / "b" / "c")
    write_run(tmp_path / "a" / "d")
    write_run(tmp_path / "e")
    found = find_runs([tmp_path / "e", str(tmp_path)])
    names = [[run.folder.relative_to(tmp_path).as_posix() for run in runs] for runs in found]
    assert names == [["e"], ["a/b/c", "a/d"]]


def test_a_run_given_twice_is_one_run(tmp_path) -> None:
    write_run(tmp_path / "a")
    first, second = find_runs([tmp_path, tmp_path / "a" / ".." / "a"])
    assert (len(first), len(second)) == (1, 0)


def test_settings_are_those_of_the_agent_and_of_the_training_without_the_seed(tmp_path) -> None:
    write_run(tmp_path / "a", seed=3, algo="c51", ended="solved", atoms=51)
    ((run,),) = find_runs([tmp_path])
    assert (run.env, run.algo, run.seed, run.solved) == ("CartPole-v1", "c51", 3, True)
    assert run.settings == {"atoms": 51, "steps": 100, "threads": 1}


@pytest.mark.parametrize("ended", ["steps", "interrupted", None])
def test_only_an_end_by_success_is_solved(tmp_path, ended) -> None:
    write_run(tmp_path / "a", ended=ended, env=None)
    ((run,),) = find_runs([tmp_path])
    assert not run.solved
    assert run.env == "an environment without an id"


def test_tables_are_read_by_the_names_of_their_columns(tmp_path) -> None:
    write_run(tmp_path, evaluations=[(10, 1.5), (20, -2e3)], episodes=[(7, 0.25)])
    ((run,),) = find_runs([tmp_path])
    np.testing.assert_array_equal(run.evaluations(), [[10, 20], [1.5, -2000]])
    np.testing.assert_array_equal(run.episodes(), [[7], [0.25]])
    write(tmp_path / "episodes.csv", "return,note,step", ["3,5,40"])
    np.testing.assert_array_equal(run.episodes(), [[40], [3]])


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path) -> None:
    write_run(tmp_path, evaluations=[(10, 1.0)])
    ((run,),) = find_runs([tmp_path])
    with (tmp_path / "evaluations.csv").open("a") as file:
        file.write("20,10,-1")  # 2.5 is to follow
    np.testing.assert_array_equal(run.evaluations(), [[10], [1]])


@pytest.mark.parametrize("text", [None, "", "step,len", "step,length,return\n"])
def test_a_table_without_a_line_is_empty(tmp_path, text) -> None:
    write_run(tmp_path / "a")
    if text is not None:
        (tmp_path / "a" / "episodes.csv").write_text(text)
    ((run,),) = find_runs([tmp_path])
    assert [len(column) for column in run.episodes()] == [0, 0]


def test_what_is_no_table_of_a_run_is_named(tmp_path) -> None:
    write_run(tmp_path)
    ((run,),) = find_runs([tmp_path])
    write(tmp_path / "episodes.csv", "t,r", ["1,2"])
    with pytest.raises(ValueError, match=r"episodes.csv: expected a first line with step and ret"):
        run.episodes()
    write(tmp_path / "episodes.csv", "step,length,return", ["1,7,2", "2,7,good"])
    with pytest.raises(ValueError, match=r"episodes.csv: expected numbers in each line; .*good"):
        run.episodes()


def test_a_folder_without_runs_is_named(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match=rf"{folder.name}: expected a run's folder or one"):
            find_runs([folder])


def test_settings_of_something_else_are_named(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "other"}')
    with pytest.raises(ValueError, match=r"config.json: expected the settings of a run"):
        find_runs([tmp_path])
