"""Hindsight: which goals rows are given afterwards, and the rewards that follow from them.

Row t achieves t and then t + 1; what was desired is 1000. A reward is minus the distance, so a row
that is given goal g has reward -|t + 1 - g|.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import replay
from helpers import NUMBER
from model import Leaf
from pair import Pair
from setups import Setup, random_gamma, random_prioritized

import sharpwave as sw

GOAL = sw.Field((1,), "float32")
SPACE = {"observation": sw.Field((), "float32"), "achieved_goal": GOAL, "desired_goal": GOAL}


def distance(achieved: Any, desired: Any, info: dict[str, Any]) -> Any:
    """For one row or for many at once."""
    assert info == {}
    return -np.abs(np.asarray(achieved) - desired).sum(axis=-1, dtype=np.float32)


def episodes(
    lengths: list[int], capacity: int = 100, *, k: int = 4, strategy: str = "future", **options: Any
) -> sw.ReplayBuffer:
    """Episodes of these lengths, the last of them still open."""
    hindsight = sw.Hindsight(strategy=strategy, k=k, reward=distance)
    buffer = sw.ReplayBuffer(
        capacity,
        observation_space=SPACE,
        action_space=NUMBER,
        hindsight=hindsight,
        seed=0,
        **options,
    )
    last = np.cumsum(lengths)[:-1] - 1
    for t in range(sum(lengths)):
        add(buffer, t, truncated=t in last)
    return buffer


def obs(t: int) -> dict[str, Any]:
    return {"observation": float(t), "achieved_goal": [t], "desired_goal": [1000]}


def add(buffer: sw.ReplayBuffer, t: int, terminated: bool = False, truncated: bool = False) -> None:
    buffer.add(obs(t), t, -999.0 + t, obs(t + 1), terminated, truncated)


def goals_of(buffer: sw.ReplayBuffer, draws: int = 4000) -> dict[int, set[int]]:
    """Every goal that each row can be given."""
    batch = buffer.sample(draws)
    found: dict[int, set[int]] = {int(index): set() for index in batch.index}
    for index, goal in zip(batch.index.tolist(), batch.obs["desired_goal"][:, 0], strict=True):
        found[index] |= {int(goal)} - {1000}
    return dict(sorted(found.items()))


def test_a_future_goal_is_achieved_later_in_the_episode_or_by_the_row_itself() -> None:
    assert goals_of(episodes([3, 2])) == {0: {1, 2, 3}, 1: {2, 3}, 2: {3}, 3: {4, 5}, 4: {5}}


def test_the_final_goal_is_achieved_by_the_episode_s_last_row() -> None:
    found = goals_of(episodes([3, 2], strategy="final"))
    assert found == {0: {3}, 1: {3}, 2: {3}, 3: {5}, 4: {5}}


def test_an_episode_s_goal_is_achieved_anywhere_in_it() -> None:
    found = goals_of(episodes([3, 2], strategy="episode"))
    assert found == {0: {1, 2, 3}, 1: {1, 2, 3}, 2: {1, 2, 3}, 3: {4, 5}, 4: {4, 5}}


@pytest.mark.parametrize(
    ("strategy", "goals"),
    [
        ("future", {3: {4}, 4: {5, 6, 7}, 5: {6, 7}, 6: {7}}),
        ("final", {3: {4}, 4: {7}, 5: {7}, 6: {7}}),
        ("episode", {3: {4}, 4: {5, 6, 7}, 5: {5, 6, 7}, 6: {5, 6, 7}}),
    ],
)
def test_only_what_is_stored_can_be_a_goal(strategy, goals) -> None:
    assert goals_of(episodes([4, 3], capacity=4, strategy=strategy)) == goals


def test_a_wrapped_ring_reaches_the_newest_row_and_none_of_the_overwritten() -> None:
    buffer = episodes([10, 10], capacity=15, strategy="future")
    found = goals_of(buffer, 40_000)
    assert found[10] == set(range(11, 21))
    assert found[5] == {6, 7, 8, 9, 10}
    assert min(found) == 5


def test_a_cut_separates_episodes() -> None:
    buffer = episodes([2])
    buffer.end_episode()
    for t in (2, 3):
        add(buffer, t)
    assert goals_of(buffer) == {0: {1, 2}, 1: {2}, 2: {3, 4}, 3: {4}}


def test_environments_do_not_share_goals() -> None:
    buffer = sw.ReplayBuffer(
        20,
        observation_space=SPACE,
        action_space=NUMBER,
        num_envs=2,
        hindsight=sw.Hindsight(strategy="episode", k=4, reward=distance),
        seed=0,
    )
    flags = np.zeros(2, bool)
    for t in range(3):
        at, after = (
            {
                "observation": np.array([s, 100 + s]),
                "achieved_goal": np.array([[s], [100 + s]]),
                "desired_goal": np.full((2, 1), 1000),
            }
            for s in (t, t + 1)
        )
        buffer.add(at, [0, 0], [0.0, 0.0], after, flags, flags)
    found = goals_of(buffer)
    for index in range(6):
        assert found[index] == ({101, 102, 103} if index % 2 else {1, 2, 3})


def test_a_relabelled_row_has_its_goal_twice_and_the_reward_for_it() -> None:
    batch = episodes([3, 2]).sample(1000)
    goal = batch.obs["desired_goal"][:, 0]
    t = batch.index
    given = goal != 1000
    np.testing.assert_array_equal(batch.next_obs["desired_goal"][:, 0], goal)
    np.testing.assert_array_equal(batch.reward[given], -np.abs(t + 1 - goal)[given])
    np.testing.assert_array_equal(batch.reward[~given], (t - 999.0)[~given])


def test_all_but_goal_and_reward_is_as_it_was() -> None:
    buffer = episodes([3])
    add(buffer, 3, terminated=True)
    batch = buffer.sample(1000)
    t = batch.index
    np.testing.assert_array_equal(batch.obs["observation"], t)
    np.testing.assert_array_equal(batch.obs["achieved_goal"][:, 0], t)
    np.testing.assert_array_equal(batch.next_obs["observation"], t + 1)
    np.testing.assert_array_equal(batch.next_obs["achieved_goal"][:, 0], t + 1)
    np.testing.assert_array_equal(batch.action, t)
    np.testing.assert_array_equal(batch.terminated, t == 3)
    np.testing.assert_array_equal(batch.discount, np.where(t == 3, 0, np.float32(0.99)))


def test_every_reward_of_a_window_is_for_the_one_goal() -> None:
    buffer = episodes([4], n_step=3, gamma=0.5, strategy="final")
    batch = buffer.sample(500)
    given = batch.obs["desired_goal"][:, 0] == 4
    expected = {
        0: -3 - 2 / 2 - 1 / 4,  # achieved 1, 2, 3 where 4 was wanted
        1: -2 - 1 / 2 - 0 / 4,
        2: -1 - 0 / 2,
        3: 0,
    }
    assert dict(zip(batch.index[given].tolist(), batch.reward[given], strict=True)) == expected
    assert set(batch.discount[batch.index == 2].tolist()) == {0.25}


@pytest.mark.parametrize(
    ("batch_size", "k", "rows"), [(10, 4, 8), (32, 4, 26), (1, 4, 1), (9, 2, 6), (7, 1, None)]
)
def test_k_of_k_plus_one_rows_are_relabelled(batch_size, k, rows) -> None:
    buffer = episodes([3, 2], k=k)
    for _ in range(20):
        goal = buffer.sample(batch_size).obs["desired_goal"]
        assert np.count_nonzero(goal != 1000) in ({rows} if rows is not None else {3, 4})


def test_a_buffer_that_is_not_changed_by_relabelling() -> None:
    buffer = episodes([3, 2])
    for _ in range(20):
        buffer.sample(100).obs["desired_goal"].fill(-1)
    assert goals_of(buffer) == {0: {1, 2, 3}, 1: {2, 3}, 2: {3}, 3: {4, 5}, 4: {5}}
    batch = buffer.sample(500)
    given = batch.obs["desired_goal"][:, 0] != 1000
    np.testing.assert_array_equal(batch.reward[~given], (batch.index - 999.0)[~given])


@pytest.mark.parametrize("space", [GOAL, {"achieved_goal": GOAL}, {"desired_goal": GOAL}])
def test_observations_without_goals_are_refused(space) -> None:
    with pytest.raises(ValueError, match="goal"):
        sw.ReplayBuffer(
            8,
            observation_space=space,
            action_space=NUMBER,
            hindsight=sw.Hindsight(reward=distance),
        )


@pytest.mark.parametrize("options", [{"strategy": "past"}, {"k": -1}, {"k": 1.5}])
def test_a_description_that_means_nothing_is_refused(options) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        sw.Hindsight(**({"reward": distance} | options))


def mismatch(achieved: Any, desired: Any, info: dict[str, Any]) -> Any:
    """A reward of which every bit depends on both, and sums are exact."""
    return ((np.asarray(achieved) ^ desired) & 255).sum(axis=-1).astype("float32")


@pytest.mark.parametrize("strategy", ["future", "final", "episode"])
def test_hindsight_with_everything_else_agrees_with_the_model(strategy) -> None:
    for seed in range(12):
        rng = np.random.default_rng([seed, len(strategy)])
        goal = Leaf((2,), "int32")
        fields = {"camera": Leaf((3, 4, 2), "uint8"), "desired_goal": goal, "achieved_goal": goal}
        num_envs = int(rng.integers(1, 5))
        setup = Setup(
            {"obs": fields, "action": Leaf((), "int64", values=6)},
            capacity=int(rng.integers(num_envs, 60)),
            num_envs=num_envs,
            n_step=int(rng.integers(1, 6)),
            gamma=random_gamma(rng),
            frame_stack=3,
            autoreset=[None, "next_step", "same_step"][seed % 3],
            sampler=random_prioritized(rng) if seed % 2 else sw.Uniform(),
            hindsight=sw.Hindsight(strategy=strategy, k=[2, 4][seed % 2], reward=mismatch),
        )
        _run(Pair(rng, setup))


def _run(pair: Pair) -> None:
    for _ in range(150):
        chance = pair.rng.random()
        if chance < 0.6:
            pair.add()
        elif chance < 0.9:
            replay.sample(pair, int(pair.rng.integers(1, 40)))
        elif chance < 0.95:
            pair.end_episode()
        else:
            pair.set_n_step()
            replay.update_priorities(pair)
    pair.check_held()
