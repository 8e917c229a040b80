"""A run stops at the first number that is not one, and says where it came from."""

from __future__ import annotations

import math
import re
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

from sharpwave.agents import DQNConfig, SACConfig
from sharpwave.training import TrainConfig, train
from sharpwave.training.finite import finite

BOX = spaces.Box(-1, 1, (3,), np.float32)
NESTED = spaces.Dict(
    arm=spaces.Dict(angle=spaces.Box(-1, 1, (2,), np.float64), grip=spaces.Discrete(3)),
    eyes=spaces.Tuple([spaces.Box(0, 255, (4, 4), np.uint8), spaces.Box(-1, 1, (2, 2))]),
)
WRONG = [math.nan, math.inf, -math.inf]


def good(lead: tuple[int, ...] = ()) -> dict[str, Any]:
    """An observation of NESTED, or a batch of them, without a fault."""
    return {
        "arm": {"angle": np.zeros((*lead, 2)), "grip": np.ones(lead, np.int64)},
        "eyes": (np.full((*lead, 4, 4), 255, np.uint8), np.zeros((*lead, 2, 2), np.float32)),
    }


def message(check, *step: Any) -> str:
    with pytest.raises(FloatingPointError) as caught:
        check(*step)
    return str(caught.value)


# --- what is refused


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    "kind", [float, np.float32, np.float64, np.array], ids=lambda k: k.__name__
)
def test_a_reward_that_is_no_number_names_its_step(kind, wrong) -> None:
    check = finite(BOX, "Walker-v1")
    assert message(check, np.zeros(3, np.float32), kind(wrong), 17) == (
        f"Walker-v1: reward is {wrong} at step 17: expected finite numbers; "
        "a run that learned from it would be lost"
    )


@pytest.mark.parametrize("wrong", WRONG)
def test_of_several_environments_the_one_is_named(wrong) -> None:
    reward = np.array([1.0, 2.0, wrong, wrong])
    text = message(finite(BOX, "Walker-v1"), np.zeros((4, 3), np.float32), reward, 5)
    assert text.startswith(f"Walker-v1: reward[2] is {wrong} at step 5: ")
    obs = np.zeros((4, 3), np.float32)
    obs[3, 1] = wrong
    text = message(finite(BOX, "Walker-v1"), obs, np.zeros(4), 5)
    assert text.startswith(f"Walker-v1: next_obs[3, 1] is {wrong} at step 5: ")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("wrong", WRONG)
def test_every_place_of_an_observation_is_looked_at(wrong, dtype) -> None:
    check = finite(spaces.Box(-1, 1, (2, 3), dtype), "X")
    for i in range(2):
        for j in range(3):
            obs = np.ones((2, 3), dtype)
            obs[i, j] = wrong
            assert f"next_obs[{i}, {j}] is" in message(check, obs, 0.0, 1)
            check(np.ones((2, 3), dtype), 0.0, 1)


def test_opposite_infinities_do_not_cancel() -> None:
    obs = np.array([math.inf, -math.inf, 0.0], np.float32)
    assert "next_obs[0] is inf" in message(finite(BOX, "X"), obs, 0.0, 1)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_nested_field_is_named_by_its_path(wrong) -> None:
    check = finite(NESTED, "Arm-v0")
    obs = good()
    obs["arm"]["angle"][1] = wrong
    assert message(check, obs, 0.0, 3).startswith(f"Arm-v0: next_obs.arm.angle[1] is {wrong} at")
    obs = good((2,))
    obs["eyes"][1][1, 0, 1] = wrong
    assert f"next_obs.eyes.1[1, 0, 1] is {wrong}" in message(check, obs, np.zeros(2), 3)
    check(good(), 0.0, 3)
    check(good((2,)), np.zeros(2), 3)


def test_a_number_alone_has_no_place() -> None:
    check = finite(spaces.Box(-1, 1, (), np.float32), "X")
    assert message(check, np.float32(math.nan), 0.0, 1).startswith("X: next_obs is nan at step 1")


# --- what is not


@pytest.mark.parametrize(
    ("dtype", "large"), [(np.float16, 6e4), (np.float32, 3e38), (np.float64, 1e308)]
)
def test_large_numbers_whose_squares_overflow_are_fine(dtype, large) -> None:
    check = finite(spaces.Box(-1, 1, (4, 6), dtype), "X")
    obs = np.full((4, 6), large, dtype)
    check(obs, large, 1)
    check(-obs, np.full(4, -large), 1)
    check(np.full((4, 12), large, dtype)[:, ::2], dtype(large), 1)  # not side by side
    obs[2, 5] = math.nan
    assert "next_obs[2, 5] is nan" in message(check, obs, large, 1)


@pytest.mark.parametrize(
    "reward", [0, 1, True, np.int64(2**62), np.bool_(True), np.array([3, 4]), 2**70], ids=repr
)
def test_rewards_that_are_integers_are_fine(reward) -> None:
    finite(BOX, "X")(np.zeros((2, 3), np.float32), reward, 1)


@pytest.mark.parametrize(
    ("space", "obs"),
    [
        (spaces.Discrete(5), 4),
        (spaces.Discrete(5), np.array([1, 2])),
        (spaces.Box(0, 255, (2, 2), np.uint8), np.full((2, 2), 255, np.uint8)),
        (spaces.MultiBinary(3), np.ones(3, np.int8)),
    ],
    ids=str,
)
def test_observations_that_are_integers_are_not_looked_at(space, obs) -> None:
    check = finite(space, "X")
    check(obs, 0.0, 1)
    assert "reward is nan" in message(check, obs, math.nan, 1)


# --- runs


class Breaking(gymnasium.Env):
    """Gives one wrong number, at a step of its own."""

    def __init__(self, field: str, at: int, wrong: float = math.nan) -> None:
        self.observation_space = spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.field, self.at, self.wrong = field, at, wrong
        self.t = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        number = self.wrong if self.t == self.at else 0.5
        obs = np.array([0.0, number if self.field == "obs" else 0.0], np.float32)
        reward = number if self.field == "reward" else 0.0
        return obs, reward, self.t % 7 == 0, False, {}


RUN = TrainConfig(steps=100, eval_interval=0, final_episodes=0)
SMALL: dict[str, Any] = {"hidden": (8,), "batch_size": 4, "learning_starts": 20}


@pytest.mark.parametrize(
    ("field", "words"),
    [("reward", "Breaking: reward is nan"), ("obs", "Breaking: next_obs[1] is nan")],
)
def test_a_run_ends_at_the_step_and_says_where(field, words) -> None:
    with pytest.raises(FloatingPointError, match=re.escape(f"{words} at step 33: ")):
        train(Breaking(field, 33), DQNConfig(**SMALL), RUN)


@pytest.mark.parametrize("field", ["reward", "obs"])
def test_a_run_of_many_environments_names_the_one(field) -> None:
    made = [Breaking(field, 1000), Breaking(field, 10), Breaking(field, 1000)]
    env = gymnasium.vector.SyncVectorEnv([lambda e=e: e for e in made])
    words = "reward[1] is nan" if field == "reward" else "next_obs[1, 1] is nan"
    with pytest.raises(FloatingPointError, match=re.escape(words)):
        train(env, DQNConfig(**SMALL), RUN)


def test_large_numbers_alone_do_not_end_a_run() -> None:
    train(Breaking("reward", 12, 1e30), DQNConfig(**SMALL, loss="huber"), RUN)


class Drifting(Breaking):
    def __init__(self) -> None:
        super().__init__("obs", 5, 1e30)
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)


def test_a_loss_that_grows_without_bound_ends_a_run_too() -> None:
    agent = SACConfig(**{**SMALL, "batch_size": 64}, learning_rate=1e3)
    with pytest.raises(FloatingPointError, match=r"the loss is .* expected a finite one"):
        train(Drifting(), agent, RUN)
