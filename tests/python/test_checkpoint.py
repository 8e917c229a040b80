"""The folder of a run: what is in it, and what is done about a damaged one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tiny_envs import Chain

pytest.importorskip("torch")

import torch

from sharpwave.agents import DQN, DQNConfig
from sharpwave.training import TrainConfig, load_agent, load_config
from sharpwave.training.checkpoint import RunFolder, load_checkpoint, replace


def saved(folder: Path, env: str | None = "CartPole-v1") -> DQN:
    import gymnasium

    made = gymnasium.make(env) if env else Chain()
    agent = DQN(made.observation_space, made.action_space, DQNConfig(hidden=(8,)), seed=5)
    run = RunFolder(folder)
    run.config(env, agent.config, TrainConfig())
    run.model(agent.online.state_dict(), step=7)
    run.checkpoint(9, {"agent": agent.state_dict()}, {})
    return agent


def test_an_agent_is_rebuilt_from_its_folder(tmp_path) -> None:
    agent, obs = saved(tmp_path), np.random.default_rng(0).normal(size=(50, 4)).astype("f4")
    loaded = load_agent(tmp_path)
    assert loaded.config == agent.config
    assert loaded.act(obs).tolist() == agent.act(obs).tolist()
    assert set(map(str, loaded.act(obs))) == {"0", "1"}


def test_an_environment_without_an_id_must_be_given_again(tmp_path) -> None:
    agent = saved(tmp_path, env=None)
    with pytest.raises(ValueError, match="no id to make it from; pass env"):
        load_agent(tmp_path)
    assert load_agent(tmp_path, Chain).act(2) == agent.act(2)


def test_the_checkpoint_holds_all_of_the_agent(tmp_path) -> None:
    agent = saved(tmp_path)
    step, state, buffers = load_checkpoint(tmp_path)
    assert (step, buffers) == (9, {})
    assert state["agent"].keys() == agent.state_dict().keys()
    load_agent(tmp_path).load_state_dict(state["agent"])


def test_config_json_names_environment_settings_and_versions(tmp_path) -> None:
    saved(tmp_path)
    config = load_config(tmp_path)
    assert (config["algo"], config["env"]) == ("dqn", "CartPole-v1")
    assert config["agent"]["hidden"] == [8]
    assert config["training"]["steps"] == 50_000
    assert {"sharpwave", "python", "numpy", "torch", "gymnasium"} <= config["versions"].keys()


def test_opening_a_folder_takes_an_earlier_run_away_and_nothing_else(tmp_path) -> None:
    saved(tmp_path)
    for name in ("result.json", "events.out.tfevents.1.host.2.3", "notes.txt"):
        (tmp_path / name).write_text("earlier")
    RunFolder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    RunFolder(None).config("CartPole-v1", DQNConfig(), TrainConfig())
    RunFolder(None).model({}, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "result.json"
    replace(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", [b"", b"not a model", "half"])
def test_a_damaged_model_is_named(tmp_path, damage) -> None:
    saved(tmp_path)
    path = tmp_path / "model.pt"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "half" else damage)
    with pytest.raises(ValueError, match=r"model\.pt: expected the file of a run.*damaged"):
        load_agent(tmp_path)


def test_nothing_in_a_model_file_is_executed(tmp_path) -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    saved(tmp_path)
    torch.save(Evil(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt"):
        load_agent(tmp_path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config["agent"].update(hidden=[9]), "does not fit"),
        (lambda config: config["agent"].update(wings=2), "does not know.*wings"),
        (lambda config: config["agent"].update(gamma=7), "gamma: expected"),
        (lambda config: config.pop("agent"), "expected the settings of a run"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(tmp_path, change, message) -> None:
    saved(tmp_path)
    config = load_config(tmp_path)
    change(config)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_agent(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"expected the folder of a run, but it has no config"):
        load_agent(tmp_path)
    saved(tmp_path)
    (tmp_path / "model.pt").unlink()
    with pytest.raises(ValueError, match=r"model\.pt: expected the file of a run, but there is"):
        load_agent(tmp_path)
