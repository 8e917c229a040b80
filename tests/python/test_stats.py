"""stats(): literal numbers, the model's numbers on random streams, and batches that were drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import model_stats
import numpy as np
import pytest
import replay
from helpers import NUMBER, SCALAR, fill, numbered, numbered_buffer
from pair import Pair
from setups import random_setup

import sharpwave as sw

SMAPS = Path("/proc/self/smaps_rollup")


def with_priorities(priorities: list[float], capacity: int = 8, **options) -> sw.ReplayBuffer:
    sampler = sw.Prioritized(alpha=1.0, eps=0.0, **options)
    buffer = numbered_buffer(capacity, sampler=sampler, seed=0)
    fill(buffer, range(len(priorities)))
    buffer.update_priorities(np.arange(len(priorities)), priorities)
    return buffer


def test_counts_of_a_buffer_that_has_wrapped() -> None:
    buffer = numbered_buffer(10, num_envs=2)
    for t in range(7):
        buffer.add(**numbered([t, t]) | {"terminated": [t == 3, False]})
    stats = buffer.stats()
    assert (stats.capacity, stats.stored, stats.added, stats.evicted) == (10, 10, 14, 4)
    assert stats.fill == 1.0
    assert stats.episodes == 3  # rows 2 to 3 and 4 to 6 of the first environment, 2 to 6


def test_cleared_rows_are_evicted_and_counts_go_on() -> None:
    buffer = numbered_buffer(10)
    fill(buffer, range(4))
    buffer.clear()
    stats = buffer.stats()
    assert (stats.stored, stats.added, stats.evicted, stats.episodes) == (0, 4, 4, 0)
    assert (stats.mean_age, stats.median_age, stats.max_age) == (None, None, None)


def test_bytes_of_each_field_are_its_bytes_times_the_capacity() -> None:
    buffer = sw.ReplayBuffer(
        100,
        observation_space={"camera": sw.Field((4, 9, 7), "uint8"), "speed": SCALAR},
        action_space=NUMBER,
        frame_stack=4,
        extra_fields={"log_prob": sw.Field((), "float64")},
    )
    stats = buffer.stats()
    assert {name: stats.bytes[name] for name in ("action", "reward", "log_prob", "row flags")} == {
        "action": 800, "reward": 400, "log_prob": 800, "row flags": 800,
    }  # fmt: skip
    assert stats.bytes["obs['speed']"] == 400
    assert stats.bytes["obs['camera']"] == 100 * 4 * 4  # references
    # 100 rows and a stack's padding, 63 bytes each, 8 of bookkeeping
    assert stats.bytes["frames of obs['camera']"] == (100 + 2 * 4) * (63 + 8)
    assert stats.bytes["row padding"] == 100 * (4 + 4)  # before the action and the double
    assert stats.bytes["side rows"] == 0
    assert sum(stats.bytes.values()) == buffer.nbytes
    assert stats.bytes_per_transition == buffer.nbytes / 100


def test_the_padding_of_rows_is_counted() -> None:
    narrow = sw.ReplayBuffer(100, observation_space=sw.Field((), "uint8"), action_space=NUMBER)
    # one byte, then an integer of 8 on its multiple, the reward, the flags: 32 in all
    assert narrow.stats().bytes["row padding"] == 100 * (32 - 1 - 8 - 4 - 8)


def test_successors_episodes_and_samplers_take_bytes() -> None:
    buffer = with_priorities([1.0] * 8)
    stats = buffer.stats()
    assert stats.bytes["side rows"] > 0
    assert stats.bytes["episode table"] > 0
    assert stats.bytes["the sampler"] > 4 * 8
    epochs = numbered_buffer(1000, sampler=sw.WithoutReplacement())
    assert epochs.stats().bytes["the sampler"] == 8000
    assert numbered_buffer(1000).stats().bytes["the sampler"] == 0
    reservoir = numbered_buffer(1000, insertion=sw.Reservoir())
    fill(reservoir, range(10))
    assert reservoir.stats().bytes["row names"] > 8000
    assert reservoir.stats().episodes is None


def test_ages_are_counted_in_steps_of_the_row_s_environment() -> None:
    buffer = numbered_buffer(8, num_envs=2)
    for t in range(3):
        buffer.add(**numbered([t, t]))
    for t in range(3, 6):
        buffer.add(**numbered([t]), env_ids=[0])
    # 3, 2, 1, 0 and 2, 1, 0
    stats = buffer.stats()
    assert stats.mean_age == pytest.approx(9 / 7)
    assert (stats.median_age, stats.max_age) == (1, 3)


def test_of_an_even_number_of_rows_the_lower_median() -> None:
    buffer = numbered_buffer(8)
    fill(buffer, range(20))
    stats = buffer.stats()
    assert (stats.mean_age, stats.median_age, stats.max_age) == (3.5, 3, 7)


def test_ages_are_weighted_by_priority_and_rows_without_one_have_none() -> None:
    stats = with_priorities([0.0, 6.0, 1.0, 1.0]).stats()  # ages 3, 2, 1, 0
    assert stats.mean_age == pytest.approx((6 * 2 + 1) / 8)
    assert (stats.median_age, stats.max_age) == (2, 2)


def test_recency_shows_the_ages_of_the_coming_update() -> None:
    sampler = sw.Recency(eta=0.999, min_rows=1, updates=2)
    buffer = numbered_buffer(100, sampler=sampler, seed=0)
    fill(buffer, range(100))
    assert buffer.stats().max_age == 99
    assert buffer.stats().max_age == 99  # nothing has moved on
    buffer.sample(1)
    assert buffer.stats().max_age == 60  # 100 * 0.999**500 = 60.6 rows
    buffer.sample(1)
    assert buffer.stats().max_age == 99


def test_a_reservoir_s_ages_are_those_of_the_rows_it_kept() -> None:
    buffer = numbered_buffer(50, insertion=sw.Reservoir(), seed=0)
    fill(buffer, range(1000))
    kept = buffer._listing()[0]
    ages = np.sort(999 - kept)
    stats = buffer.stats()
    assert stats.mean_age == pytest.approx(ages.mean())
    assert (stats.median_age, stats.max_age) == (ages[24], ages[-1])
    assert (stats.stored, stats.added, stats.evicted) == (50, 1000, 950)


def test_priorities_by_decade() -> None:
    priorities = [0.0, 1.0, 9.75, 10.0, 0.5, 0.001953125, 1000.0, 999.0]
    stats = with_priorities(priorities).stats()
    assert dict(stats.priority_decades) == {-3: 1, -1: 1, 0: 2, 1: 1, 2: 1, 3: 1}
    assert stats.zero_priorities == 1


def test_the_effective_number_of_rows() -> None:
    assert with_priorities([2.0] * 5).stats().effective_rows == pytest.approx(5)
    assert with_priorities([1.0, 3.0]).stats().effective_rows == pytest.approx(1.6)
    dead = with_priorities([0.0, 0.0]).stats()
    assert (dead.effective_rows, dead.zero_priorities) == (0.0, 2)
    assert (dead.mean_age, dead.duplicate_share) == (None, None)


def test_of_ranks_the_priority_is_what_a_row_is_drawn_in_proportion_to() -> None:
    buffer = numbered_buffer(8, sampler=sw.RankPrioritized(alpha=1.0), seed=0)
    fill(buffer, range(3))
    buffer.update_priorities([0, 1, 2], [1.0, 3.0, 2.0])
    stats = buffer.stats()  # 1/3, 1 and 1/2, of ages 2, 1 and 0
    assert stats.effective_rows == pytest.approx((11 / 6) ** 2 / (49 / 36))
    assert dict(stats.priority_decades) == {-1: 2, 0: 1}
    assert stats.mean_age == pytest.approx((2 / 3 + 1) / (11 / 6))
    # parts of 11/12: the first row by rank fills one and 1/12, of the other 11 twelfths
    # the second has 6 and the third 4
    assert share(buffer, 2) == pytest.approx(1 - (1 + 6 / 11 + 4 / 11) / 2)


def test_without_priorities_there_is_nothing_to_say_of_them() -> None:
    stats = numbered_buffer(8).stats()
    assert stats.priority_decades is stats.zero_priorities is stats.effective_rows is None
    stats = numbered_buffer(8, sampler=sw.Prioritized()).stats()
    assert (stats.priority_decades, stats.zero_priorities, stats.effective_rows) == ({}, 0, 0.0)


def share(buffer: sw.ReplayBuffer, batch_size: int) -> float | None:
    buffer.sample(batch_size)
    return buffer.stats().duplicate_share


def test_duplicates_of_uniform_draws() -> None:
    buffer = numbered_buffer(8)
    fill(buffer, range(2))
    assert buffer.stats().duplicate_share is None
    assert share(buffer, 1) == 0
    assert share(buffer, 2) == pytest.approx(0.25)
    assert share(buffer, 3) == pytest.approx(1 - 1.75 / 3)


def test_duplicates_of_draws_without_replacement() -> None:
    buffer = numbered_buffer(8, sampler=sw.WithoutReplacement(), seed=0)
    fill(buffer, range(4))
    assert share(buffer, 3) == pytest.approx(1 - (1 + 2 * 3 / 4) / 3)  # one row is left
    assert share(buffer, 1) == 0  # a new epoch
    assert share(buffer, 4) == 0
    assert share(buffer, 6) == pytest.approx(1 - (2 + 4 * 2 / 4) / 6)  # 4, then 2 of 4


def test_duplicates_of_stratified_draws() -> None:
    buffer = with_priorities([1.0, 3.0])
    # of two halves the first has each row with 1/2, the second always the second row
    assert share(buffer, 2) == pytest.approx(0.25)
    assert share(with_priorities([1.0, 1.0, 1.0, 1.0]), 4) == pytest.approx(0)
    assert share(with_priorities([0.0, 5.0]), 4) == pytest.approx(0.75)


SAMPLERS = {
    "uniform": sw.Uniform(),
    "recency": sw.Recency(eta=0.999, min_rows=20, updates=1),
    "prioritized": sw.Prioritized(alpha=1.0),
    "ranks": sw.RankPrioritized(alpha=0.7),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_batches_have_the_duplicates_and_ages_that_were_expected(name) -> None:
    buffer = numbered_buffer(90, sampler=SAMPLERS[name], seed=1)
    fill(buffer, range(150))
    if name in ("prioritized", "ranks"):
        errors = np.random.default_rng(0).exponential(size=90)
        buffer.update_priorities(np.arange(60, 150), errors)
    duplicates, ages = [], []
    for _ in range(4000):
        index = buffer.sample(64).index
        duplicates.append(1 - len(np.unique(index)) / 64)
        ages.append((149 - index).mean())
    stats = buffer.stats()
    for measured, expected in ((duplicates, stats.duplicate_share), (ages, stats.mean_age)):
        error = np.std(measured) / np.sqrt(len(measured))
        assert abs(np.mean(measured) - expected) < 5 * error
        assert abs(np.mean(measured) - 0.97 * expected) > 5 * error  # the test has power


def test_asking_changes_no_draw() -> None:
    for sampler in (*SAMPLERS.values(), sw.WithoutReplacement()):
        drawn = []
        for asks in (False, True):
            buffer = numbered_buffer(50, sampler=sampler, seed=3)
            for t in range(60):
                fill(buffer, [t])
                if asks:
                    buffer.stats()
                drawn.append(buffer.sample(7).index.copy())
                if isinstance(sampler, (sw.Prioritized, sw.RankPrioritized)):
                    buffer.update_priorities(drawn[-1], np.arange(7))
        np.testing.assert_array_equal(drawn[:60], drawn[60:])


@pytest.mark.parametrize("seed", range(40))
def test_statistics_of_random_streams_are_the_model_s(seed) -> None:
    rng = np.random.default_rng([11, seed])
    pair = Pair(rng, random_setup(rng, None))
    for _ in range(60):
        operation = rng.choice(["add", "add", "add", "sample", "extend", "end", "clear"])
        if operation == "add":
            pair.add()
        elif operation == "extend":
            pair.extend(int(rng.integers(30)))
        elif operation == "end":
            pair.end_episode()
        elif operation == "sample":
            replay.sample(pair, int(rng.integers(1, 20)))
            replay.update_priorities(pair)
        elif rng.random() < 0.2:
            pair.clear()
        check(pair)


def check(pair: Pair) -> None:
    stats, model = pair.buffer.stats(), pair.model
    assert sum(stats.bytes.values()) == pair.buffer.nbytes
    expected = model_stats.counts(model)
    if pair.setup.reservoir:
        assert (stats.stored, stats.added) == (len(model), expected["added"])
        return
    assert {name: getattr(stats, name) for name in expected} == expected
    if isinstance(pair.setup.sampler, sw.Recency):
        return  # which rows come next has a test of its own
    chances = dict.fromkeys(model.indices(), 1.0)
    if pair.judge.weights:
        chances = pair.judge.priorities.p
        assert stats.priority_decades == model_stats.decades(chances)
        assert stats.zero_priorities == sum(p == 0 for p in chances.values())
        assert stats.effective_rows == pytest.approx(model_stats.effective_rows(chances), rel=1e-5)
    check_ages(stats, model_stats.ages(model, chances) if any(chances.values()) else {})


def check_ages(stats: sw.Stats, ages: dict[int, float]) -> None:
    if not ages:
        assert stats.mean_age is stats.median_age is stats.max_age is None
        return
    assert stats.mean_age == pytest.approx(sum(a * c for a, c in ages.items()), rel=1e-5)
    assert stats.max_age == max(ages)
    # Rounding may decide between two neighbours where one half lies just between them.
    assert sum(c for a, c in ages.items() if a <= stats.median_age) > 0.5 - 1e-5
    assert sum(c for a, c in ages.items() if a < stats.median_age) < 0.5 + 1e-5


def test_a_table_for_people() -> None:
    buffer = with_priorities([0.0, 5.0])
    buffer.sample(4)
    lines = [" ".join(line.split()) for line in str(buffer.stats()).splitlines()]
    for line in ("stored 2 of 8 (25.0%)", "added 2, of which 0 are gone", "duplicates 75.00%",
                 "obs 32 bytes", "0 1", "1e0 to 1e1 1", "effective rows 1.0"):  # fmt: skip
        assert line in lines
    assert "priorities" not in str(numbered_buffer(8).stats())


def huge_bytes_of_the_process() -> int:
    lines = dict(line.split(":") for line in SMAPS.read_text().splitlines()[1:])
    return int(lines["AnonHugePages"].split()[0]) << 10


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux")
def test_huge_pages_are_what_the_process_got_of_them() -> None:
    before = huge_bytes_of_the_process()
    buffer = sw.ReplayBuffer(1 << 20, observation_space=sw.Field((16,)), action_space=NUMBER)
    got = huge_bytes_of_the_process() - before
    found = buffer.stats().huge_page_bytes
    assert 0 <= found <= buffer.nbytes
    assert abs(found - got) <= 4 << 20  # the last page is not the buffer's alone


@pytest.mark.skipif(sys.platform == "linux", reason="is about other systems")
def test_elsewhere_nobody_knows_of_huge_pages() -> None:
    assert numbered_buffer(8).stats().huge_page_bytes is None
