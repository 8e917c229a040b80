"""Tabular Q-learning: what it computes, judged by a plain loop, how it acts, and what it solves."""

from __future__ import annotations

import copy
import doctest
import io
import math
import pickle
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tiny_envs import Chain

pytest.importorskip("torch")

import torch

import sharpwave as sw
from sharpwave import q_table
from sharpwave.agents import QLearning, QLearningConfig, rows, tabular
from sharpwave.agents.rows import Rows

HAND = spaces.Tuple((spaces.Discrete(4), spaces.Discrete(3, start=1), spaces.Discrete(2)))
COLUMNS = ("obs", "action", "reward", "next_obs")


def agent_of(n_obs: int = 5, n_actions: int = 3, seed: int = 0, **settings: Any) -> QLearning:
    config = QLearningConfig(**settings)
    return QLearning(spaces.Discrete(n_obs), spaces.Discrete(n_actions), config, seed=seed)


def random_steps(size: int, n_obs: int = 5, n_actions: int = 3, seed: int = 0) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    return SimpleNamespace(
        obs=rng.integers(n_obs, size=size),
        action=rng.integers(n_actions, size=size),
        reward=rng.normal(size=size),
        next_obs=rng.integers(n_obs, size=size),
        terminated=rng.random(size) < 0.2,
    )


def plain_update(
    table: Any, obs: Any, action: Any, reward: Any, next_obs: Any, discount: Any, rate: float
) -> list[float]:
    """The definition, one transition after another on lists of floats."""
    td_errors = []
    for s, a, r, s2, d in zip(obs, action, reward, next_obs, discount, strict=True):
        td_errors.append(float(r) + float(d) * max(table[s2]) - table[s][a])
        table[s][a] = table[s][a] + rate * td_errors[-1]
    return td_errors


# --- the update


@pytest.mark.parametrize("n_actions", [1, 2, 3, 17])
def test_learning_equals_a_plain_loop_bit_for_bit(n_actions) -> None:
    agent = agent_of(n_actions=n_actions, learning_rate=0.3, gamma=0.9)
    agent.table[...] = np.random.default_rng(1).normal(size=agent.table.shape)
    plain = agent.table.tolist()
    for size in (0, 1, 2, 500):
        steps = random_steps(size, n_actions=n_actions, seed=size)
        columns = [getattr(steps, name).tolist() for name in COLUMNS]
        discount = [0.0 if over else 0.9 for over in steps.terminated]
        td_error = agent.learn(**vars(steps))
        assert td_error.dtype == np.float64
        assert td_error.tolist() == plain_update(plain, *columns, discount, 0.3)
        assert agent.table.tolist() == plain


def test_transitions_together_are_learned_as_one_by_one() -> None:
    together, single, steps = agent_of(), agent_of(), random_steps(200)
    td_error = together.learn(**vars(steps))
    for i in range(200):
        one = {name: column[i].item() for name, column in vars(steps).items()}
        assert single.learn(**one) == td_error[i]
    assert together.table.tolist() == single.table.tolist()


@pytest.mark.parametrize("number", [int, np.int64, np.uint8, np.array])
def test_one_transition_may_be_of_python_or_of_numpy_numbers(number) -> None:
    agent = agent_of(learning_rate=0.5)
    td_error = agent.learn(number(1), number(2), np.float32(4.0), number(3), np.False_)
    assert type(td_error) is float
    assert td_error == 4.0
    assert agent.table[1].tolist() == [0.0, 0.0, 2.0]


def test_a_terminated_transition_does_not_bootstrap_and_a_truncated_one_does() -> None:
    agent = agent_of(learning_rate=1.0, gamma=0.5)
    agent.table[2] = [4.0, 6.0, 5.0]
    assert agent.learn(0, 0, 1.0, 2, terminated=True) == 1.0
    assert agent.learn(1, 0, 1.0, 2, terminated=False) == 4.0
    assert agent.table[:2, 0].tolist() == [1.0, 4.0]


def test_a_transition_sees_what_those_before_it_have_changed() -> None:
    agent = agent_of(learning_rate=0.5, gamma=1.0)
    td_error = agent.learn([1, 0], [0, 0], [8.0, 0.0], [2, 1], [True, False])
    assert td_error.tolist() == [8.0, 4.0]


def test_the_learning_rate_falls_in_a_straight_line() -> None:
    agent = agent_of(learning_rate=1.0, learning_rate_end=0.5)
    for action, step in enumerate((0, 50, 100)):
        agent.learn(0, action, 8.0, 1, True, step=step, steps=100)
    assert agent.table[0].tolist() == [8.0, 6.0, 4.0]
    with pytest.raises(ValueError, match="step, steps: expected"):
        agent.learn(0, 0, 8.0, 1, True)


@pytest.mark.parametrize("form", [lambda batch: batch, lambda batch: batch.torch()])
def test_a_batch_of_a_replay_buffer_is_learned_with_its_own_discount(form) -> None:
    space, actions = spaces.Discrete(5), spaces.Discrete(3)
    buffer = sw.ReplayBuffer(
        50, observation_space=space, action_space=actions, n_step=3, gamma=0.9, seed=0
    )
    buffer.extend(**vars(random_steps(50)), truncated=np.zeros(50, bool))
    batch = buffer.sample(64)
    agent = agent_of(learning_rate=0.25)
    plain = agent.table.tolist()
    columns = [getattr(batch, name).tolist() for name in (*COLUMNS, "discount")]
    td_error = agent.update(form(batch)).td_error
    assert td_error.tolist() == plain_update(plain, *columns, 0.25)
    assert agent.table.tolist() == plain


# --- spaces


def test_observations_and_actions_are_counted_from_the_start_of_their_spaces() -> None:
    agent = QLearning(
        spaces.Discrete(3, start=-1), spaces.Discrete(2, start=5), QLearningConfig(learning_rate=1)
    )
    agent.learn(-1, 6, 7.0, 1, True)
    assert agent.table.tolist() == [[0.0, 7.0], [0.0, 0.0], [0.0, 0.0]]
    assert agent.act(-1) == 6
    assert agent.act([-1, 0]).tolist() == [6, 5]
    assert {agent.explore(0, 0, 9) for _ in range(50)} == {5, 6}


@pytest.mark.parametrize(
    "space", [HAND, spaces.MultiDiscrete([4, 3, 2], start=[0, 1, 0])], ids=["Tuple", "Multi"]
)
def test_observations_of_several_parts_have_a_row_each(space) -> None:
    found = Rows.of(space)
    every = np.array(list(np.ndindex(4, 3, 2)))
    obs = every + np.array([0, 1, 0])
    assert len(found) == QLearning(space, spaces.Discrete(2)).table.shape[0] == 24
    assert [found(tuple(one.tolist())) for one in obs] == list(range(24))
    assert [found(one) for one in obs] == list(range(24))
    assert found(obs).tolist() == found(tuple(obs.T)).tolist() == list(range(24))
    assert found(tuple(np.uint8(part) for part in (3, 1, 0))) == 18


def test_parts_are_learned_and_acted_by_alone_and_in_batches() -> None:
    config = QLearningConfig(learning_rate=1.0)
    agent, other = (QLearning(HAND, spaces.Discrete(2), config) for _ in range(2))
    agent.learn((3, 1, 0), 1, 5.0, (0, 2, 1), True)
    other.learn(tuple(np.array([[3], [1], [0]])), [1], [5.0], (np.zeros(1, int), [1], [0]), [True])
    assert agent.table[18].tolist() == [0.0, 5.0]
    assert agent.table.tolist() == other.table.tolist()
    assert agent.act((3, 1, 0)) == 1
    assert agent.act((np.array([3, 0]), np.array([1, 1]), np.array([0, 0]))).tolist() == [1, 0]
    assert agent.explore((np.zeros(9, int), np.ones(9, int), np.ones(9, int)), 0, 1).shape == (9,)


def test_blackjack_is_played_and_learned() -> None:
    env = gymnasium.make("Blackjack-v1")
    agent = QLearning(env.observation_space, env.action_space, seed=0)
    train(env, agent, 2000, seed=0)
    assert agent.table.shape == (32 * 11 * 2, 2)
    assert agent.act((20, 10, 0)) == 0  # it stays


# --- acting


def test_the_first_of_equally_valuable_actions_is_taken_every_time() -> None:
    agent = agent_of()
    agent.table[1], agent.table[2] = [1.0, 3.0, 3.0], [-2.0, -2.0, -1.0]
    before = agent._rng.bit_generator.state
    assert [agent.act(obs) for obs in (0, 1, 2)] == [0, 1, 2]
    assert type(agent.act(0)) is int
    batch = agent.act(np.array([2, 1, 0, 1], np.uint8))
    assert batch.tolist() == [2, 1, 0, 1]
    assert batch.dtype == np.int64
    assert agent._rng.bit_generator.state == before


def counts_of(agent: QLearning, step: int, n: int = 4000) -> Any:
    return np.bincount(agent.explore(np.zeros(n, int), step, 100), minlength=3)


def test_exploration_follows_its_line_and_prefers_none_of_the_best() -> None:
    agent = agent_of(epsilon_start=1.0, epsilon_end=0.3, exploration_fraction=0.5)
    agent.table[0] = [2.0, 0.0, 2.0]
    for step, epsilon in ((0, 1.0), (25, 0.65), (50, 0.3), (99, 0.3)):
        counts = counts_of(agent, step)
        # a chance p of 4000 draws has a deviation of 32 at most
        assert abs(counts[1] - 4000 * epsilon / 3) < 5 * 32
        assert abs(counts[0] - counts[2]) < 5 * 64


def test_at_the_end_of_exploration_only_the_best_actions_are_taken() -> None:
    agent = agent_of(epsilon_end=0.0, exploration_fraction=0.0)
    agent.table[0] = [1.0, 2.0, 0.0]
    assert counts_of(agent, 0).tolist() == [0, 4000, 0]
    assert {agent.explore(1, 0, 1) for _ in range(100)} == {0, 1, 2}  # all are alike


def test_a_batch_is_explored_as_its_observations_one_by_one() -> None:
    batch, single = agent_of(seed=3), agent_of(seed=3)
    obs = random_steps(100).obs
    actions = batch.explore(obs, 10, 100)
    assert actions.dtype == np.int64
    assert actions.tolist() == [single.explore(int(one), 10, 100) for one in obs]


# --- seeds, copies, states


def test_one_seed_gives_one_agent() -> None:
    a, b, c = (agent_of(seed=seed).explore(np.zeros(50, int), 0, 1).tolist() for seed in (1, 1, 2))
    assert a == b != c


def test_an_agent_does_not_draw_what_an_environment_of_its_seed_draws() -> None:
    env, agent = gymnasium.make("FrozenLake-v1"), agent_of(seed=7)
    env.reset(seed=7)
    drawn = env.unwrapped.np_random.random(100)
    assert not set(drawn) & set(agent._rng.random(100))


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
@pytest.mark.parametrize("space", [spaces.Discrete(5), HAND])
def test_a_copy_acts_and_learns_on_its_own(copy_of, space) -> None:
    agent = QLearning(space, spaces.Discrete(3))
    obs = space.sample()
    clone = copy_of(agent)
    clone.learn(obs, 1, 1.0, obs, True)
    assert not agent.table.any()
    agent.learn(obs, 1, 1.0, obs, True)
    assert agent.table.tolist() == clone.table.tolist()
    assert [agent.explore(obs, 0, 1) for _ in range(20)] == [
        clone.explore(obs, 0, 1) for _ in range(20)
    ]


def test_a_loaded_state_goes_on_exactly() -> None:
    agent, other, steps = agent_of(seed=1), agent_of(seed=2), random_steps(50)
    table = other.table
    agent.learn(**vars(steps))
    agent.explore(0, 0, 1)
    stream = io.BytesIO()
    torch.save(agent.state_dict(), stream)
    stream.seek(0)
    other.load_state_dict(torch.load(stream, weights_only=True))
    assert other.table is table
    assert agent.learn(**vars(steps)).tolist() == other.learn(**vars(steps)).tolist()
    assert agent.explore(steps.obs, 5, 9).tolist() == other.explore(steps.obs, 5, 9).tolist()


def test_a_state_does_not_follow_what_is_learned_later() -> None:
    agent = agent_of()
    state = agent.state_dict()
    agent.learn(0, 0, 1.0, 0, True)
    assert not state["table"]["table"].any()


def test_the_state_of_other_spaces_is_refused() -> None:
    with pytest.raises(ValueError, match=r"table: expected shape \(5, 3\), .*got \(4, 3\)"):
        agent_of().load_state_dict(agent_of(n_obs=4).state_dict())


# --- what it solves


def train(env: gymnasium.Env, agent: QLearning, steps: int, seed: int) -> QLearning:
    obs, _ = env.reset(seed=seed)
    for step in range(steps):
        action = agent.explore(obs, step, steps)
        next_obs, reward, terminated, truncated, _ = env.step(action)
        agent.learn(obs, action, reward, next_obs, terminated, step=step, steps=steps)
        obs = env.reset()[0] if terminated or truncated else next_obs
    return agent


def greedy_return(env: gymnasium.Env, agent: QLearning, episodes: int, limit: int = 200) -> float:
    total = 0.0
    for episode in range(episodes):
        obs, _ = env.reset(seed=1000 + episode)
        for _ in range(limit):
            obs, reward, terminated, truncated, _ = env.step(agent.act(obs))
            total += float(reward)
            if terminated or truncated:
                break
    return total / episodes


def newest(name: str) -> str:
    return max(i for i in gymnasium.registry if i.startswith(f"{name}-v"))


@pytest.mark.parametrize(
    ("env", "steps", "config", "episodes", "expected"),
    [
        (Chain(), 500, QLearningConfig(), 1, 1.0),
        (gymnasium.make("FrozenLake-v1", is_slippery=False), 10_000, QLearningConfig(), 1, 1.0),
        (newest("CliffWalking"), 5_000, QLearningConfig(learning_rate=0.5), 1, -13.0),
        (newest("Taxi"), 40_000, QLearningConfig(learning_rate=1, epsilon_start=0.1), 100, 7.5),
    ],
    ids=["Chain", "FrozenLake", "CliffWalking", "Taxi"],
)
def test_it_solves(env, steps, config, episodes, expected) -> None:
    env = gymnasium.make(env) if isinstance(env, str) else env
    agent = QLearning(env.observation_space, env.action_space, config, seed=0)
    train(env, agent, steps, seed=0)
    assert greedy_return(env, agent, episodes) >= expected


# --- errors


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("obs", 5, "obs: expected integers from 0 to 4, got 5"),
        ("obs", -1, "obs: expected integers from 0 to 4, got -1"),
        ("obs", 1.5, "obs: expected one integer or a sequence"),
        ("obs", "one", "obs: expected one integer or a sequence"),
        ("obs", 2**70, "obs: expected an integer"),
        ("action", 3, "action: expected integers from 0 to 2, got 3"),
        ("action", [1, 2], "action: expected an integer"),
        ("reward", math.nan, "reward: expected finite numbers, got nan"),
        ("reward", -math.inf, "reward: expected finite numbers, got -inf"),
        ("reward", "much", "reward: expected a number, got 'much'"),
        ("next_obs", 5, "next_obs: expected integers from 0 to 4, got 5"),
    ],
)
def test_a_transition_that_cannot_be_is_refused_and_nothing_is_learned(name, value, message):
    agent = agent_of(initial_value=1.0)
    good = {"obs": 1, "action": 1, "reward": 1.0, "next_obs": 2, "terminated": False}
    with pytest.raises(ValueError, match=message):
        agent.learn(**{**good, name: value})
    assert (agent.table == 1.0).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("obs", [0, 5], "obs: expected integers from 0 to 4, got 5"),
        ("obs", [0.0, 1.0], "obs: expected one integer or a sequence"),
        ("obs", [[0, 1]], "obs: expected one integer or a sequence"),
        ("action", [0, -1], "action: expected integers from 0 to 2, got -1"),
        ("action", [0], "action: expected one for each of 2 obs, got 1"),
        ("reward", [1.0, math.inf], "reward: expected finite numbers, got inf"),
        ("reward", 1.0, "reward: expected one number or a sequence"),
        ("next_obs", np.array([0, 2**63], np.uint64), "next_obs: expected integers from 0 to 4"),
        ("terminated", [False], "discount: expected one for each of 2 obs, got 1"),
    ],
)
def test_one_wrong_row_refuses_them_all(name, value, message) -> None:
    agent = agent_of(initial_value=1.0)
    good = {name: [1, 2] for name in COLUMNS} | {"terminated": [False, False]}
    with pytest.raises(ValueError, match=message):
        agent.learn(**{**good, name: value})
    assert (agent.table == 1.0).all()


def test_observations_that_the_table_does_not_have_are_not_acted_in() -> None:
    agent = agent_of()
    for act in (agent.act, lambda obs: agent.explore(obs, 0, 1)):
        for obs in (5, [0, 5], -1):
            with pytest.raises(ValueError, match="obs: expected integers from 0 to 4"):
                act(obs)


@pytest.mark.parametrize(
    ("obs", "message"),
    [
        ((0, 0, 0), "obs: expected parts from .*got 0"),
        ((0, 4, 0), "obs: expected parts from .*got 4"),
        ((0, 1), "obs: expected 3 parts, got 2"),
        ((0, 1.0, 0), "obs: expected integers, got 1.0"),
        (np.array([[0, 1, 0], [4, 1, 0]]), "obs: expected parts from"),
    ],
)
def test_a_part_outside_its_space_is_not_taken_for_another_row(obs, message) -> None:
    with pytest.raises(ValueError, match=message):
        QLearning(HAND, spaces.Discrete(2)).act(obs)


@pytest.mark.parametrize(
    "table",
    [
        np.zeros((5, 3), np.float32),
        np.zeros((5, 3), ">f8"),
        np.zeros((3, 5)).T,
        np.zeros((5, 3, 1)),
        np.zeros((5, 0)),
        np.broadcast_to(0.0, (5, 3)),
        [[0.0]],
    ],
)
def test_what_is_no_table_is_refused(table) -> None:
    agent = agent_of()
    agent.table = table
    with pytest.raises(ValueError, match="table: expected a writable C-contiguous float64 array"):
        agent.act(0)


def test_a_table_put_in_its_place_is_used() -> None:
    agent = agent_of()
    agent.table = np.eye(5, 3)
    assert agent.act(2) == 2


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (3,)),
        spaces.MultiDiscrete([[2, 2], [2, 2]]),
        spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1))),
        spaces.Tuple(()),
    ],
    ids=str,
)
def test_observations_must_be_of_discrete_parts(space) -> None:
    with pytest.raises(ValueError, match=r"observation_space: expected Discrete, .*got"):
        QLearning(space, spaces.Discrete(2))


def test_actions_must_be_discrete() -> None:
    with pytest.raises(ValueError, match=r"action_space: QLearning needs Discrete .*got Box"):
        QLearning(spaces.Discrete(2), spaces.Box(-1, 1, (1,), np.float32))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", 1.5),
        ("learning_rate", math.nan),
        ("learning_rate_end", -0.1),
        ("learning_rate_end", "none"),
        ("gamma", 1.01),
        ("epsilon_start", 1.5),
        ("epsilon_end", -0.1),
        ("exploration_fraction", 2.0),
        ("initial_value", math.inf),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_came(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got {value!r}"):
        QLearningConfig(**{name: value})


@pytest.mark.parametrize("module", [q_table, rows, tabular], ids=lambda module: module.__name__)
def test_the_examples_run(module) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
