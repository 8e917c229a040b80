"""Settings of a run, and settings given as words."""

from __future__ import annotations

import dataclasses
import re

import pytest

pytest.importorskip("torch")

from sharpwave.agents import DQNConfig
from sharpwave.training import TrainConfig
from sharpwave.training.config import parse_settings, pick


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", 1.5),
        ("seed", -1),
        ("num_envs", 0),
        ("eval_interval", -1),
        ("eval_episodes", 0),
        ("final_episodes", -1),
        ("stop_when_solved", "yes"),
        ("checkpoint_interval", -1),
        ("log_interval", 0),
        ("threads", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got {value!r}$"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("steps=20000", 20_000),
        ("steps=2e4", 20_000),
        ("steps=20_000", 20_000),
        ("num-envs = 4", 4),
        ("learning_rate=2.5e-4", 2.5e-4),
        ("hidden=120,84", (120, 84)),
        ("hidden=(64,)", (64,)),
        ("hidden=[64, 64]", (64, 64)),
        ("hidden=", ()),
        ("double=no", False),
        ("double=True", True),
        ("max_grad_norm=none", None),
        ("max_grad_norm=0.5", 0.5),
        ("loss=mse", "mse"),
    ],
)
def test_a_word_is_read_by_the_type_of_its_field(word, value) -> None:
    (parsed,) = parse_settings([word], DQNConfig, TrainConfig).values()
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("batch_size=many", "batch_size: expected an integer, got 'many'"),
        ("batch_size=1.5", "batch_size: expected an integer, got '1.5'"),
        ("gamma=x", "gamma: expected a number, got 'x'"),
        ("double=2", "double: expected true or false, got '2'"),
        ("hidden=a,b", "hidden: expected integers such as 256,128, got 'a,b'"),
        ("max_grad_norm=x", "max_grad_norm: expected a number or none, got 'x'"),
        ("batch_size", "expected name=value, got 'batch_size'"),
    ],
)
def test_a_word_that_cannot_be_read_is_refused(word, message) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_settings([word], DQNConfig, TrainConfig)


def test_an_unknown_name_lists_all_that_are_known() -> None:
    with pytest.raises(ValueError, match="unknown setting 'lr'; known are ") as caught:
        parse_settings(["lr=1"], DQNConfig, TrainConfig)
    for config in (DQNConfig, TrainConfig):
        assert all(field.name in str(caught.value) for field in dataclasses.fields(config))


def test_the_two_sets_of_settings_share_no_name() -> None:
    agent, run = ({f.name for f in dataclasses.fields(c)} for c in (DQNConfig, TrainConfig))
    assert not agent & run
    settings = {"gamma": 0.9, "steps": 5}
    assert pick(settings, DQNConfig) == {"gamma": 0.9}
    assert pick(settings, TrainConfig) == {"steps": 5}
