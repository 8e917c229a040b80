"""What is left to chance comes out as often as it should.

Seeds are fixed, so a pass stays a pass; about forty statistics at this level reject a right library
with a probability below 1e-6 in all. A p-value near one is as suspicious as one near zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import NUMBER, chi_square_p, fill, numbered, numbered_buffer

import sharpwave as sw

LEVEL = 2.5e-8
ROWS = 50


def assert_frequencies(counts: np.ndarray, shares: np.ndarray) -> None:
    """Independent draws: `counts` of them fell where `shares` of them were expected."""
    p = chi_square_p(counts, counts.sum() * shares / shares.sum())
    assert LEVEL < p < 1 - LEVEL, f"p = {p}"


def one_by_one(buffer: sw.ReplayBuffer, draws: int) -> np.ndarray:
    """Batches of one: draws of which none knows of another."""
    return np.array([buffer.sample(1).index.item() for _ in range(draws)])


def errors(seed: int = 0) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(size=ROWS)).astype("float32") + 0.05


def counts_of(index: np.ndarray, first: int = 0) -> np.ndarray:
    return np.bincount(index - first, minlength=ROWS)


def filled(sampler: Any, added: int = ROWS, seed: int = 1) -> sw.ReplayBuffer:
    buffer = numbered_buffer(ROWS, sampler=sampler, seed=seed)
    buffer.extend(**numbered(np.arange(added)))
    return buffer


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("added", [ROWS, ROWS + 17])
def test_prioritized_draws_follow_the_priorities(alpha, added) -> None:
    buffer = filled(sw.Prioritized(alpha, eps=0.01), added)
    first = added - ROWS
    buffer.update_priorities(np.arange(first, added), errors())
    drawn = one_by_one(buffer, 40_000)
    assert_frequencies(counts_of(drawn, first), (errors() + 0.01) ** alpha)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("added", [ROWS, ROWS + 17])
def test_draws_by_rank_follow_the_ranks_and_weights_undo_them(alpha, added) -> None:
    buffer = filled(sw.RankPrioritized(alpha, beta=1.0, normalize="buffer"), added)
    first = added - ROWS
    buffer.update_priorities(np.arange(first, added), errors() ** 9)  # by far not in proportion
    shares = (1.0 + np.argsort(np.argsort(-errors()))) ** -alpha
    drawn = one_by_one(buffer, 40_000)
    assert_frequencies(counts_of(drawn, first), shares)
    batch = buffer.sample(200)
    expected = shares.min() / shares[batch.index - first]
    np.testing.assert_allclose(batch.weight, expected, rtol=1e-6)


def test_new_rows_rank_with_the_largest_and_late_errors_of_old_ones_are_left_alone() -> None:
    buffer = filled(sw.RankPrioritized(alpha=20.0))  # the first rank, and hardly another
    buffer.update_priorities(np.arange(ROWS), np.linspace(0.1, 5.0, ROWS))
    assert set(buffer.sample(20).index.tolist()) == {ROWS - 1}
    buffer.extend(**numbered(np.arange(ROWS, ROWS + 1)))  # in the place of row 0
    assert set(buffer.sample(20).index.tolist()) == {ROWS}
    buffer.update_priorities([ROWS, 0], [0.0, 99.0])
    assert set(buffer.sample(20).index.tolist()) == {ROWS - 1}


def test_nothing_is_left_of_large_and_small_priorities_that_were_replaced() -> None:
    buffer = filled(sw.Prioritized(1.0, eps=0.0))
    rng = np.random.default_rng(2)
    for scale in (1e6, 1e-6, 1.0) * 1000:
        buffer.update_priorities(rng.integers(0, ROWS, 32), scale * rng.normal(size=32))
    buffer.update_priorities(np.arange(ROWS), errors())
    assert_frequencies(counts_of(one_by_one(buffer, 40_000)), errors())


def test_large_batches_follow_the_priorities_more_closely_than_chance() -> None:
    buffer = filled(sw.Prioritized(1.0, eps=0.0))
    buffer.update_priorities(np.arange(ROWS), errors())
    counts = sum(counts_of(buffer.sample(256).index) for _ in range(200))
    expected = errors() / errors().sum() * 256 * 200
    # Within a batch no count is two away from what it should be; between batches chance remains.
    assert (np.abs(counts - expected) < 6 * np.sqrt(200)).all()
    assert ((counts - expected) ** 2 / expected).sum() < ROWS / 2


def test_weights_undo_what_priorities_do_to_a_mean() -> None:
    buffer = filled(sw.Prioritized(1.0, beta=1.0, eps=0.0, normalize="buffer"))
    buffer.update_priorities(np.arange(ROWS), errors())
    batch = buffer.sample(100_000)
    # weight = p_min / p_i and P_i = p_i / Σp, so Σ weight f over B draws is B p_min / Σp Σ f.
    p = errors().astype("float64")
    values = np.random.default_rng(5).normal(size=ROWS)
    mean = (batch.weight * values[batch.index]).mean() * p.sum() / p.min() / ROWS
    assert mean == pytest.approx(values.mean(), abs=0.02)


def test_each_row_comes_once_an_epoch_in_an_order_of_chance() -> None:
    buffer = numbered_buffer(6, sampler=sw.WithoutReplacement(), seed=4)
    fill(buffer, range(6))
    epochs = buffer.sample(6 * 20_000).index.reshape(-1, 6)
    assert (np.sort(epochs, axis=1) == np.arange(6)).all()
    for place in range(6):
        assert_frequencies(np.bincount(epochs[:, place], minlength=6), np.ones(6))
    orders = np.unique(epochs, axis=0, return_counts=True)[1]
    assert_frequencies(orders, np.ones(720))


def test_recent_rows_come_from_windows_that_shrink_and_start_anew() -> None:
    """The k-th of K batches draws from the newest max(N eta^(1000 k / K), min_rows) rows."""
    buffer = numbered_buffer(1000, sampler=sw.Recency(eta=0.996, min_rows=100, updates=4), seed=5)
    buffer.extend(**numbered(np.arange(1500)))
    windows = [1000, 367, 134, 100]  # 0.996^250 = 0.367, squared 0.135; cubed it would be 50
    for window in windows * 3:
        ages = 1499 - buffer.sample(20_000).index
        assert window - 2 <= ages.max() <= window
        counts = np.histogram(ages, bins=10, range=(0, ages.max() + 1))[0]
        expected = np.diff(np.ceil(np.linspace(0, ages.max() + 1, 11)))
        assert_frequencies(counts, expected)


@pytest.mark.parametrize(("burn_in", "period"), [(0, 1), (2, 1), (0, 3), (2, 3)])
def test_sequences_begin_equally_often_wherever_they_may(burn_in, period) -> None:
    buffer = numbered_buffer(60, num_envs=2, seed=6)
    rows = numbered(np.arange(2 * 45).reshape(45, 2))
    rows["terminated"][[4, 5, 17, 30, 38], 0] = True
    rows["truncated"][[9, 28, 29], 1] = True
    buffer.extend(**rows)  # the first fifteen of each environment are overwritten
    begins, counts = np.unique(
        buffer.sample_sequences(60_000, 3, burn_in=burn_in, period=period).index[:, 0],
        return_counts=True,
    )
    expected = []
    for env, ends in enumerate(([4, 5, 17, 30, 38, 44], [9, 28, 29, 44])):
        for first, last in zip([-1, *ends], ends, strict=False):
            starts = range(first + 1, last + 1 - burn_in, period)
            expected += [2 * t + env for t in starts if t >= 15]
    assert begins.tolist() == sorted(expected)
    assert_frequencies(counts, np.ones(len(expected)))


@pytest.mark.parametrize("added", [20, 57])
def test_a_reservoir_keeps_every_row_with_the_same_chance(added) -> None:
    kept = np.zeros(added)
    capacity, trials = 8, 3000
    for seed in range(trials):
        buffer = numbered_buffer(capacity, insertion=sw.Reservoir(), seed=seed)
        buffer.extend(**numbered(np.arange(added)))
        rows = np.unique(buffer["action"]) // 10
        assert len(rows) == len(buffer) == capacity
        kept[rows] += 1
    # Rows of one reservoir shut each other out: their counts vary by 1 - capacity / added less.
    share = capacity / added
    spread = (kept - trials * share) / np.sqrt(1 - share) * np.sqrt((added - 1) / added)
    p = chi_square_p(trials * share + spread, np.full(added, trials * share))
    assert LEVEL < p < 1 - LEVEL


def test_a_reservoir_that_was_cleared_starts_anew() -> None:
    buffer = numbered_buffer(5, insertion=sw.Reservoir(), seed=7)
    fill(buffer, range(500))
    buffer.clear()
    fill(buffer, range(5))
    assert sorted(buffer["action"].tolist()) == [0, 10, 20, 30, 40]


def test_a_row_of_a_reservoir_is_its_own_window() -> None:
    buffer = numbered_buffer(5, insertion=sw.Reservoir(), n_step=3, gamma=0.5, seed=8)
    fill(buffer, range(40))
    batch = buffer.sample(200)
    assert len(set(batch.index.tolist())) == 5
    np.testing.assert_array_equal(batch.obs, batch.index)
    np.testing.assert_array_equal(batch.reward, batch.index / 2)
    np.testing.assert_array_equal(batch.next_obs, batch.index + 1)
    np.testing.assert_array_equal(batch.discount, np.full(200, 0.5))


GOAL = sw.Field((1,), "float32")


def no_reward(achieved: Any, desired: Any, info: dict[str, Any]) -> Any:
    return np.zeros(np.shape(achieved)[:-1], "float32")


def goal_buffer(strategy: str, k: int) -> sw.ReplayBuffer:
    """One episode of ten rows, of which the first two are overwritten; row t achieves t + 1."""
    buffer = sw.ReplayBuffer(
        8,
        observation_space={"achieved_goal": GOAL, "desired_goal": GOAL},
        action_space=NUMBER,
        hindsight=sw.Hindsight(strategy=strategy, k=k, reward=no_reward),
        seed=9,
    )
    for t in range(10):
        obs, after = ({"achieved_goal": [s], "desired_goal": [1000]} for s in (t, t + 1))
        buffer.add(obs, t, 0.0, after, False, False)
    return buffer


@pytest.mark.parametrize("strategy", ["future", "episode"])
def test_hindsight_goals_are_equally_likely(strategy) -> None:
    batch = goal_buffer(strategy, 4).sample(100_000)
    goal = batch.obs["desired_goal"][:, 0].astype(int)
    for t in range(2, 9):
        first = t + 1 if strategy == "future" else 3
        found = goal[(batch.index == t) & (goal != 1000)]
        assert_frequencies(np.bincount(found - first, minlength=11 - first), np.ones(11 - first))


def test_the_relabelled_rows_are_a_random_part_of_the_batch() -> None:
    buffer = goal_buffer("final", 4)
    relabelled = np.zeros(20)
    for _ in range(5000):
        given = buffer.sample(20).obs["desired_goal"][:, 0] != 1000
        assert given.sum() == 16
        relabelled += given
    # As with the reservoir: sixteen of twenty shut the others out.
    spread = (relabelled - 4000) / np.sqrt(0.2) * np.sqrt(19 / 20)
    p = chi_square_p(4000 + spread, np.full(20, 4000.0))
    assert LEVEL < p < 1 - LEVEL


@pytest.mark.parametrize(
    "fault",
    [
        lambda p: np.roll(p, 1),  # priorities of the neighbours
        lambda p: p**0.9,  # another exponent
        lambda p: np.where(np.arange(ROWS) == ROWS - 1, 0, p),  # never the newest row
        lambda p: np.where(np.arange(ROWS) == 7, 1.4 * p, p),  # one row too often
    ],
)
def test_the_statistic_rejects_a_faulty_sampler(fault) -> None:
    p = errors().astype("float64")
    for shares, right in ((p, True), (fault(p), False)):
        drawn = np.random.default_rng(0).choice(ROWS, 40_000, p=shares / shares.sum())
        chance = chi_square_p(counts_of(drawn), 40_000 * p / p.sum())
        assert (LEVEL < chance < 1 - LEVEL) == right
