"""Environments from ids, functions and environments."""

from __future__ import annotations

import gymnasium
import pytest
from counting_env import CountingEnv
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import PassiveEnvChecker, TransformReward

pytest.importorskip("torch")

from sharpwave.training.environments import (
    id_of,
    make,
    make_evaluation,
    make_training,
    single_spaces,
)


def test_an_id_a_function_and_an_environment_make_another_of_their_kind() -> None:
    cartpole = gymnasium.make("CartPole-v1")
    for source in ("CartPole-v1", lambda: gymnasium.make("CartPole-v1"), cartpole):
        made = make(source)
        assert made is not cartpole
        assert made.spec.id == "CartPole-v1"


def test_the_wrappers_of_an_environment_are_made_again_and_no_id_stands_for_them() -> None:
    double = TransformReward(gymnasium.make("CartPole-v1"), lambda reward: 2 * reward)
    made = make(double)
    made.reset(seed=0)
    assert made.step(0)[1] == 2.0
    assert id_of(double) is None


def test_ids_are_kept_where_they_say_everything() -> None:
    assert id_of("CartPole-v1") == id_of(gymnasium.make("CartPole-v1")) == "CartPole-v1"
    assert id_of(gymnasium.make("FrozenLake-v1", is_slippery=False)) is None
    assert id_of(CountingEnv()) is None
    assert id_of(CountingEnv) is None


def test_steps_are_not_slowed_by_the_checker() -> None:
    env = make("CartPole-v1")
    while isinstance(env, gymnasium.Wrapper):
        assert not isinstance(env, PassiveEnvChecker)
        env = env.env


def test_one_environment_is_stepped_bare_and_several_as_a_vector() -> None:
    assert not isinstance(make_training("CartPole-v1", 1), gymnasium.vector.VectorEnv)
    several = make_training("CartPole-v1", 3)
    assert several.num_envs == 3
    assert len({id(env) for env in several.envs}) == 3
    assert single_spaces(several) == single_spaces(several.envs[0])


def test_a_given_environment_is_used_itself() -> None:
    env, vector = CountingEnv(), SyncVectorEnv([CountingEnv] * 2)
    assert make_training(env, 1) is env
    assert make_training(vector, 1) is make_training(vector, 2) is vector
    assert make_evaluation("CartPole-v1", env) is env
    with pytest.raises(ValueError, match="num_envs: expected 2, as the given environment, got 3"):
        make_training(vector, 3)


def test_without_a_spec_an_environment_to_evaluate_in_is_asked_for() -> None:
    with pytest.raises(ValueError, match="eval_env: expected an environment to evaluate in"):
        make_evaluation(CountingEnv(), None)
