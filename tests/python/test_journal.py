"""The journal of an environment, and that the environment comes back from it."""

from __future__ import annotations

import io
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tiny_envs import Chain

pytest.importorskip("torch")

import torch

from sharpwave.training import journal as module
from sharpwave.training.journal import Journal
from sharpwave.training.replay import as_tensors, copied, equal, replay, stacked


def through_a_file(state: Any) -> Any:
    stream = io.BytesIO()
    torch.save(state, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


def continued(journal: Journal, num_envs: int) -> Journal:
    other = Journal(num_envs, seed=99)
    other.load_state_dict(through_a_file(journal.state_dict()))
    return other


# --- seeds


def test_one_seed_gives_one_series_of_seeds() -> None:
    a, b, c = Journal(1, 0), Journal(1, 0), Journal(1, 1)
    first, second, third = ([one.begin(0) for _ in range(50)] for one in (a, b, c))
    assert first == second
    assert not set(first) & set(third)
    assert len(set(first)) == 50
    assert all(type(seed) is int and 0 <= seed < 2**31 for seed in first)


def test_environments_have_seeds_of_their_own_from_one_series() -> None:
    many, one = Journal(3, 0), Journal(1, 0)
    seeds = [many.begin(i % 3) for i in range(9)]
    assert seeds == [one.begin(0) for _ in range(9)]
    assert [many.episode(i)[0] for i in range(3)] == seeds[-3:]


def test_every_seed_resets_a_gymnasium_environment() -> None:
    journal, env = Journal(1, 3), gymnasium.make("CartPole-v1")
    starts = [tuple(env.reset(seed=journal.begin(0))[0].tolist()) for _ in range(20)]
    assert len(set(starts)) == 20


# --- actions


def test_an_episode_is_its_seed_and_the_actions_since() -> None:
    journal = Journal(2, 0)
    first, second = journal.begin(0), journal.begin(1)
    for action in (1, 0, 1):
        journal.note(0, action)
    journal.note(1, 5)
    assert journal.episode(0) == (first, [1, 0, 1])
    assert journal.episode(1) == (second, [5])
    third = journal.begin(0)
    assert journal.episode(0) == (third, [])
    assert journal.episode(1) == (second, [5])


def test_what_was_given_out_does_not_change() -> None:
    journal = Journal(1, 0)
    journal.begin(0)
    journal.note(0, 1)
    episode, state = journal.episode(0), journal.state_dict()
    journal.note(0, 0)
    assert episode[1] == [1]
    assert state["actions"][0].tolist() == [1]


def test_an_episode_that_is_too_long_is_not_kept_and_the_next_one_is(monkeypatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 10)
    journal = Journal(1, 0)
    journal.begin(0)
    for i in range(10):
        journal.note(0, i)
    assert journal.episode(0)[1] == list(range(10))
    for i in range(1000):
        journal.note(0, i)
        assert journal.episode(0) is None
    assert len(journal.state_dict()["actions"][0]) <= 11, "memory is bounded too"
    assert continued(journal, 1).episode(0) is None
    seed = journal.begin(0)
    journal.note(0, 3)
    assert journal.episode(0) == (seed, [3])


# --- states


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [1, 0, 1],
        [np.int64(1), np.int64(0)],
        [np.array([0.1, -0.2], np.float32), np.array([1e-9, 3.0], np.float32)],
        [np.array([[0.5, 0.1]], np.float64)],
    ],
    ids=["none", "ints", "numpy ints", "float32", "matrix"],
)
def test_a_loaded_journal_has_the_same_episode_and_goes_on_with_the_same_seeds(actions) -> None:
    journal = Journal(2, 0)
    journal.begin(0)
    journal.begin(1)
    for action in actions:
        journal.note(1, action)
    other = continued(journal, 2)
    for env in (0, 1):
        (seed, noted), (other_seed, found) = journal.episode(env), other.episode(env)
        assert (seed, len(noted)) == (other_seed, len(found))
        for a, b in zip(noted, found, strict=True):
            assert np.array_equal(a, b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
    other.note(1, 1 if not actions else actions[0])
    assert len(other.episode(1)[1]) == len(actions) + 1
    assert [journal.begin(0) for _ in range(5)] == [other.begin(0) for _ in range(5)]


def test_actions_of_a_discrete_space_come_back_as_plain_integers() -> None:
    journal = Journal(1, 0)
    journal.begin(0)
    journal.note(0, np.int64(1))
    assert [type(action) for action in continued(journal, 1).episode(0)[1]] == [int]


# --- environments come back


def played(env: gymnasium.Env, journal: Journal, steps: int) -> tuple[Any, list[Any]]:
    """Act at random for some steps, with new episodes as they end; return the last observation."""
    obs, seen = env.reset(seed=journal.begin(0))[0], []
    env.action_space.seed(0)
    for _ in range(steps):
        action = env.action_space.sample()
        obs, _, terminated, truncated, _ = env.step(action)
        journal.note(0, action)
        if terminated or truncated:
            obs = env.reset(seed=journal.begin(0))[0]
        seen.append(obs)
    return obs, seen


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "MountainCarContinuous-v0"])
@pytest.mark.parametrize("steps", [0, 1, 57])
def test_an_environment_comes_back_to_where_its_journal_ends(name, steps) -> None:
    env, journal = gymnasium.make(name), Journal(1, 5)
    obs, _ = played(env, journal, steps)
    other = gymnasium.make(name)
    played(other, Journal(1, 77), 20)  # whatever was done in it before
    found = replay(other, continued(journal, 1).episode(0))
    assert equal(found, through_a_file(as_tensors(obs)))
    assert found.dtype == obs.dtype
    for _ in range(5):  # and goes on alike
        action = env.action_space.sample()
        assert np.array_equal(env.step(action)[0], other.step(action)[0])


def test_what_was_too_long_or_ends_before_its_actions_does_not_come_back() -> None:
    assert replay(Chain(), None) is None
    assert replay(Chain(), (0, [1, 1, 1])) == 3
    assert replay(Chain(), (0, [1, 1, 1, 1])) is None, "this ends the episode"
    assert replay(Chain(limit=2), (0, [0, 0])) is None, "and this cuts it"
    assert replay(Chain(), (0, [])) == 0


# --- observations are compared bit for bit


@pytest.mark.parametrize(
    "obs",
    [
        3,
        np.float32(0.1),
        np.array([0.1, 0.2], np.float32),
        np.array([True, False]),
        np.arange(4, dtype=np.uint16),
        {"a": np.array([1.5]), "b": (np.array([1], np.uint8), 2)},
    ],
    ids=str,
)
def test_an_observation_equals_what_was_kept_of_it(obs) -> None:
    kept = through_a_file(as_tensors(obs))
    assert equal(obs, kept)
    assert equal(copied(obs), kept)
    assert not equal(None, kept)


@pytest.mark.parametrize(
    ("obs", "other"),
    [
        (np.array([0.1, 0.2]), np.array([0.1, np.nextafter(0.2, 1)])),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])),
        ({"a": np.zeros(2), "b": np.zeros(2)}, {"a": np.zeros(2), "b": np.ones(2)}),
        ((np.zeros(2), 1), (np.zeros(2), 2)),
        (3, 4),
    ],
    ids=["one bit", "shape", "dict", "tuple", "number"],
)
def test_an_observation_that_differs_is_seen(obs, other) -> None:
    assert not equal(other, as_tensors(obs))


def test_what_was_kept_is_no_view_of_what_an_environment_changes() -> None:
    obs = {"a": np.zeros(2)}
    kept, copy = as_tensors(obs), copied(obs)
    obs["a"][:] = 1
    assert kept["a"].tolist() == [0.0, 0.0]
    assert copy["a"].tolist() == [0.0, 0.0]


def test_single_observations_are_stacked_as_a_vector_environment_does() -> None:
    class Both(Chain):
        def __init__(self) -> None:
            super().__init__()
            self.observation_space = spaces.Dict(a=spaces.Box(-1, 1, (2,)), b=spaces.Discrete(5))

    env = gymnasium.vector.SyncVectorEnv([Both] * 2)
    obs = stacked(env, [{"a": np.zeros(2, "f4"), "b": 3}, {"a": np.ones(2, "f4"), "b": 4}])
    assert obs["a"].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert obs["b"].tolist() == [3, 4]
    assert (obs["a"].dtype, obs["b"].dtype) == (np.float32, np.int64)
