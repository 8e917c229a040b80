"""The command line, in this process, and as the processes that users start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from sharpwave.cli import main

QUICK = ["--steps", "300", "--set", "learning_starts=50", "--set", "eval_episodes=2"]
QUICK += ["--set", "final_episodes=3", "--set", "hidden=16"]


def run_quickly(*words: str) -> int:
    return main(["train", "CartPole-v1", *QUICK, *words])


def test_train_then_eval(tmp_path, capsys) -> None:
    assert run_quickly("--out", str(tmp_path), "--seed", "3", "--num-envs", "2") == 0
    out, err = capsys.readouterr()
    assert "over 3 episodes" in out
    assert "300 steps in " in out
    assert err == ""
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["agent"]["hidden"], config["agent"]["learning_starts"]) == ([16], 50)
    assert [config["training"][name] for name in ("steps", "seed", "num_envs")] == [300, 3, 2]
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["steps"], result["episodes"]) == (300, 3)

    assert main(["eval", str(tmp_path), "--episodes", "4"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("mean return ")
    assert first.endswith(" over 4 episodes\n")
    assert main(["eval", str(tmp_path), "--episodes", "4"]) == 0
    assert capsys.readouterr().out == first


def test_without_out_nothing_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_quickly("--algo", "dqn") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_continued_and_made_longer(tmp_path, capsys) -> None:
    assert run_quickly("--out", str(tmp_path)) == 0
    assert main(["train", "--resume", str(tmp_path), "--steps", "400"]) == 0
    assert "400 steps in " in capsys.readouterr().out
    assert json.loads((tmp_path / "result.json").read_text())["steps"] == 400


def test_the_algorithm_follows_the_preset_or_the_actions(tmp_path, capsys) -> None:
    words = ["--steps", "20", "--set", "eval_interval=0", "--set", "final_episodes=0"]
    for env, algo in (("CartPole-v1", "dqn"), ("MountainCarContinuous-v0", "sac")):
        assert main(["train", env, *words, "--out", str(tmp_path)]) == 0
        assert json.loads((tmp_path / "config.json").read_text())["algo"] == algo
    capsys.readouterr()


def test_a_sweep_has_a_run_for_each_seed_and_does_only_what_is_left(tmp_path, capsys) -> None:
    words = ["sweep", "CartPole-v1", "--out", str(tmp_path), *QUICK, "--jobs", "2"]
    assert main([*words, "--seeds", "2"]) == 0
    assert "2 seeds" in capsys.readouterr().out
    before = (tmp_path / "seed-1" / "result.json").stat().st_mtime_ns
    assert main([*words, "--seeds", "3"]) == 0
    assert capsys.readouterr().out.endswith(" 3 seeds\n")
    assert (tmp_path / "seed-1" / "result.json").stat().st_mtime_ns == before
    pytest.importorskip("matplotlib")
    assert main(["plot", str(tmp_path), "-o", str(tmp_path / "curves.png")]) == 0
    assert (tmp_path / "curves.png").exists()


def test_a_run_of_a_sweep_that_fails_shows_its_last_line(tmp_path, capsys) -> None:
    words = ["sweep", "CartPole-v1", "--out", str(tmp_path), "--set", "gamma=7"]
    assert main(words) == 2
    assert "seed 0 failed: sharpwave: error: gamma: expected" in capsys.readouterr().err


def test_a_progress_bar_is_drawn_where_asked_for(capsys) -> None:
    assert run_quickly("--progress") == 0
    assert "300/300" in capsys.readouterr().err


def test_a_run_that_learns_nothing_says_so(capsys) -> None:
    assert run_quickly("--set", "learning_starts=301") == 0
    assert "nothing was learned: learning_starts lies beyond" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "CartPol-v1"], "CartPol"),
        (["train", "nowhere:Env-v0"], "nowhere"),
        (["train", "Pendulum-v1", "--algo", "dqn"], "DQN needs Discrete actions"),
        (["train", "CartPole-v1", "--steps", "0"], "steps: expected an integer of at least 1"),
        (["train", "CartPole-v1", "--seed", "-1"], "seed: expected an integer of at least 0"),
        (["train", "CartPole-v1", "--num-envs", "0"], "num_envs: expected"),
        (["train", "CartPole-v1", "--set", "gamma=1.5"], "gamma: expected a finite number"),
        (["train", "CartPole-v1", "--set", "lr=1"], "unknown setting 'lr'; known are adam_eps"),
        (["train", "CartPole-v1", "--set", "gamma"], "expected name=value, got 'gamma'"),
        (["train", "CartPole-v1", "--set", "buffer_size=1e15"], "buffer_size 10000000000"),
        (["train", "CartPole-v1", "--out", "/dev/null/x"], "/dev/null/x"),
        (["train"], "expected an environment to train in, or --resume DIR"),
        (["train", "--resume", "nowhere"], "nowhere: expected the folder of a run"),
        (["train", "--resume", "nowhere", "--seed", "1"], "only --steps may be with it"),
        (["sweep", "CartPole-v1", "--out", "x", "--seeds", "0"], "--seeds: expected an integer"),
        (["train", "CartPole-v1", "--offline"], "expected --data NAME with it"),
        (["train", "CartPole-v1", "--data", "no/where-v0"], "data: "),
        (["watch", "nowhere"], "nowhere: expected the folder of a run"),
        (["plot", "nowhere"], "nowhere"),
        (["eval", "nowhere"], "nowhere: expected the folder of a run"),
        (["eval", "nowhere", "--episodes", "0"], "--episodes: expected an integer of at least 1"),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_status_2(words, message, capsys) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sharpwave: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_words_that_are_no_command_are_status_2_too(capsys) -> None:
    for words in ([], ["fly"], ["eval"], ["train", "CartPole-v1", "--algo", "sarsa"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    capsys.readouterr()


def test_divergence_is_status_1(monkeypatch, capsys) -> None:
    from sharpwave.training.learner import Learner

    def diverge(self: Learner) -> dict[str, float]:
        raise FloatingPointError("the loss is nan")

    monkeypatch.setattr(Learner, "logs", diverge)
    assert run_quickly("--set", "log_interval=100") == 1
    assert capsys.readouterr().err == "sharpwave: the loss is nan\n"


def python(*words: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_help_needs_no_torch() -> None:
    code = "import sys, sharpwave.cli as cli\ntry: cli.main(['train', '--help'])\n"
    code += "except SystemExit: sys.exit(3 if 'torch' in sys.modules else 0)"
    run = python("-c", code)
    assert run.returncode == 0
    assert "--num-envs" in run.stdout


@pytest.mark.parametrize("package", ["torch", "gymnasium"])
def test_a_missing_package_says_what_to_install(package) -> None:
    code = f"import sys; sys.modules[{package!r}] = None\n"
    code += "import sharpwave.cli as cli; sys.exit(cli.main(['train', 'CartPole-v1']))"
    run = python("-c", code)
    assert run.returncode == 2
    assert 'pip install "sharpwave[train]"' in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_interrupted_saves_and_succeeds(tmp_path, number) -> None:
    words = ["train", "CartPole-v1", "--out", str(tmp_path), "--set", "checkpoint_interval=100"]
    command = [sys.executable, "-m", "sharpwave.cli", *words, "--set", "stop_when_solved=no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        wait_for(tmp_path / "checkpoint.json")
        os.kill(process.pid, number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "interrupted" in out
    assert json.loads((tmp_path / "result.json").read_text())["ended"] == "interrupted"
    assert main(["eval", str(tmp_path), "--episodes", "1"]) == 0


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
