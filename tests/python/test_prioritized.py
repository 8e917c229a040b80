"""Priorities by literal numbers: who is drawn how often, with which weight, and what is refused.

p = (|td_error| + eps)^alpha. A batch of B has one draw in each of B equal parts of Σp, so a row
that is x parts wide is drawn x times where its edges fall on the parts' edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import fill, numbered, numbered_buffer

import sharpwave as sw


def prioritized(capacity: int, rows: int | None = None, **options: Any) -> sw.ReplayBuffer:
    """p is the absolute error itself, unless said otherwise."""
    options = {"alpha": 1.0, "beta": 1.0, "eps": 0.0} | options
    buffer = numbered_buffer(capacity, sampler=sw.Prioritized(**options), seed=0)
    fill(buffer, range(capacity if rows is None else rows))
    return buffer


def shares(buffer: sw.ReplayBuffer, draws: int = 4096) -> dict[int, float]:
    """What part of the draws each row gets: p / Σp within 2 / draws, since draws are stratified."""
    index, counts = np.unique(buffer.sample(draws).index, return_counts=True)
    return dict(zip(index.tolist(), (counts / draws).tolist(), strict=True))


def assert_shares(buffer: sw.ReplayBuffer, p: dict[int, float]) -> None:
    expected = {row: priority / sum(p.values()) for row, priority in p.items() if priority}
    assert shares(buffer) == pytest.approx(expected, abs=2.1 / 4096)


def weights(buffer: sw.ReplayBuffer) -> dict[int, float]:
    batch = buffer.sample(4096)
    return dict(zip(batch.index.tolist(), batch.weight.tolist(), strict=True))


def test_rows_are_drawn_by_priority_and_weighed_against_it() -> None:
    # p = 2, 1.41, 1, 1 over Σp = 5.41; the buffer could hold 8, but N is the 4 that are there.
    for normalize in ("batch", "buffer"):
        buffer = prioritized(8, 4, alpha=0.5, beta=0.4, normalize=normalize)
        buffer.update_priorities([0, 1, 2, 3], [4.0, 2.0, 1.0, 1.0])
        drawn = {0: 0.36940, 1: 0.26120, 2: 0.18470, 3: 0.18470}
        assert shares(buffer) == pytest.approx(drawn, abs=2.1 / 4096)
        expected = {0: 0.75786, 1: 0.87055, 2: 1.0, 3: 1.0}
        assert weights(buffer) == pytest.approx(expected, abs=1e-5)


def test_the_largest_weight_is_of_the_batch_or_of_the_buffer() -> None:
    for normalize, expected in (("batch", 1.0), ("buffer", 1 / 8)):
        buffer = prioritized(2, normalize=normalize)
        buffer.update_priorities([0, 1], [8.0, 1.0])
        found = dict([_one(buffer) for _ in range(100)])
        assert found == pytest.approx({0: expected, 1: 1.0})


def _one(buffer: sw.ReplayBuffer) -> tuple[int, float]:
    batch = buffer.sample(1)
    return batch.index.item(), batch.weight.item()


def test_the_smallest_priority_of_the_buffer_leaves_out_rows_without_any() -> None:
    buffer = prioritized(3, normalize="buffer")
    buffer.update_priorities([0, 1, 2], [0.0, 2.0, 4.0])
    assert weights(buffer) == pytest.approx({1: 1.0, 2: 0.5})


def test_a_weight_is_a_float32_for_each_row() -> None:
    batch = prioritized(4).sample(7)
    assert (batch.weight.shape, batch.weight.dtype) == ((7,), np.float32)
    assert batch.weight.tolist() == [1.0] * 7
    assert not hasattr(_uniform().sample(3), "weight")


def _uniform() -> sw.ReplayBuffer:
    buffer = numbered_buffer(4)
    fill(buffer, range(4))
    return buffer


def test_as_many_draws_as_equal_rows_draw_each_once() -> None:
    buffer = prioritized(8)
    for _ in range(50):
        assert sorted(buffer.sample(8).index.tolist()) == list(range(8))


def test_eps_is_inside_the_power_and_errors_have_no_sign() -> None:
    buffer = prioritized(3, alpha=0.5, eps=1.0)
    buffer.update_priorities([0, 1, 2], [0.0, 8.0, -8.0])
    assert_shares(buffer, {0: 1, 1: 3, 2: 3})


def test_without_alpha_all_are_equal_and_without_beta_all_weigh_one() -> None:
    buffer = prioritized(2, alpha=0.0)
    buffer.update_priorities([0, 1], [0.0, 100.0])
    assert_shares(buffer, {0: 1, 1: 1})
    buffer = prioritized(2, beta=0.0)
    buffer.update_priorities([0, 1], [1.0, 3.0])
    assert_shares(buffer, {0: 1, 1: 3})
    assert weights(buffer) == {0: 1.0, 1: 1.0}


def test_a_new_row_gets_the_largest_priority_given_so_far() -> None:
    buffer = prioritized(8, 2, alpha=0.5)
    buffer.update_priorities([0], [7.29])  # p = 2.7, not an integer
    fill(buffer, [2])
    assert_shares(buffer, {0: 2.7, 1: 1, 2: 2.7})
    buffer.update_priorities([0, 2], [0.25, 0.25])
    fill(buffer, [3])  # 2.7 was given once, to a row that has another now
    assert_shares(buffer, {0: 0.5, 1: 1, 2: 0.5, 3: 2.7})


def test_a_row_keeps_what_was_largest_when_it_was_added() -> None:
    buffer = prioritized(8, 3)
    buffer.update_priorities([0], [5.0])
    assert_shares(buffer, {0: 5, 1: 1, 2: 1})


def test_the_largest_priority_is_remembered_when_its_row_is_overwritten() -> None:
    buffer = prioritized(2)
    buffer.update_priorities([0, 1], [9.0, 1.0])
    fill(buffer, [2, 3])
    buffer.update_priorities([2], [3.0])
    assert_shares(buffer, {2: 3, 3: 9})


def test_overwriting_a_row_forgets_its_priority_also_when_many_come_at_once() -> None:
    buffer = prioritized(4, 3)
    buffer.update_priorities([0, 1, 2], [1e-3, 1e-3, 2.0])
    buffer.extend(**numbered(np.arange(3, 6)))  # over the end of the ring and on from its start
    assert_shares(buffer, {2: 2, 3: 2, 4: 2, 5: 2})


def test_of_a_row_that_is_named_twice_the_later_error_counts() -> None:
    buffer = prioritized(4)
    buffer.update_priorities([2, 2, 0, 2], [1.0, 9.0, 1.0, 3.0])
    assert_shares(buffer, {0: 1, 1: 1, 2: 3, 3: 1})


def test_priorities_belong_to_indices_not_to_places_in_the_batch() -> None:
    buffer = prioritized(8)
    buffer.update_priorities([7, 3], [1.0, 9.0])
    assert shares(buffer)[3] == pytest.approx(9 / 16, abs=1e-3)


def test_the_rows_of_several_environments_have_their_own_priorities() -> None:
    buffer = numbered_buffer(9, num_envs=3, sampler=sw.Prioritized(1.0, eps=0.0), seed=0)
    for env, rows in enumerate((5, 0, 2)):
        if rows:
            buffer.extend(**numbered(np.arange(rows)[:, None]), env_ids=[env])
    buffer.update_priorities([6, 9, 12, 2, 5], [1.0, 2.0, 3.0, 4.0, 0.0])
    assert_shares(buffer, {6: 1, 9: 2, 12: 3, 2: 4})


def test_a_row_without_priority_is_never_drawn() -> None:
    buffer = prioritized(1024, 1000)
    index = np.arange(1000)
    buffer.update_priorities(index, (index % 2).astype("float32"))
    drawn = buffer.sample(100_000).index
    assert (drawn % 2 == 1).all()
    assert len(np.unique(drawn)) == 500


def test_when_no_row_has_a_priority_sampling_is_refused_until_one_has() -> None:
    buffer = prioritized(4)
    buffer.update_priorities([0, 1, 2, 3], [0.0] * 4)
    with pytest.raises(ValueError, match="priorit"):
        buffer.sample(2)
    buffer.update_priorities([1], [1e-3])
    assert buffer.sample(2).index.tolist() == [1, 1]


def test_small_priorities_are_resolved_beside_large_ones() -> None:
    buffer = prioritized(3)
    buffer.update_priorities([0, 1, 2], [1e-2, 1e3, 1e-2])
    drawn = buffer.sample(400_000).index
    assert abs(np.count_nonzero(drawn == 0) - 4) < 2.1
    assert abs(np.count_nonzero(drawn == 2) - 4) < 2.1


class TestStaleUpdates:
    def test_an_index_whose_row_is_gone_changes_nothing(self) -> None:
        buffer = prioritized(4)
        stale = buffer.sample(4).index
        fill(buffer, [4])
        buffer.update_priorities(stale, np.full(4, 3.0))
        assert_shares(buffer, {1: 3, 2: 3, 3: 3, 4: 1})

    def test_an_ignored_error_is_not_the_largest_given(self) -> None:
        buffer = prioritized(2)
        fill(buffer, [2])
        buffer.update_priorities([0], [100.0])
        fill(buffer, [3])
        assert_shares(buffer, {2: 1, 3: 1})

    def test_clearing_makes_all_indices_stale(self) -> None:
        buffer = prioritized(4)
        stale = buffer.sample(4).index
        buffer.clear()
        fill(buffer, range(2))
        buffer.update_priorities(stale, np.full(4, 0.0))
        assert_shares(buffer, {4: 1, 5: 1})


BAD = {
    "nan": ([0, 1], [1.0, np.nan]),
    "infinite": ([0, 1], [1.0, -np.inf]),
    "too few": ([0, 1, 2], [1.0, 2.0]),
    "too many": ([0], [1.0, 2.0]),
    "negative index": ([0, -1], [5.0, 5.0]),
    "index never handed out": ([0, 8], [5.0, 5.0]),
    "index far out": ([0, 2**62], [5.0, 5.0]),
    "index that is no integer": ([0.5, 1.5], [5.0, 5.0]),
    "none": ([0], None),
    "words": ([0], ["much"]),
    "one bad of many": (list(range(8)), [9.0] * 7 + [np.nan]),
    "nan for a row that is gone": ([1, 0], [9.0, np.nan]),
}


@pytest.mark.parametrize(("index", "td_error"), BAD.values(), ids=BAD)
def test_a_refused_update_changes_nothing(index, td_error) -> None:
    spoiled, twin = prioritized(7, 8), prioritized(7, 8)
    with pytest.raises((ValueError, TypeError)):
        spoiled.update_priorities(index, td_error)
    for _ in range(20):
        left, right = spoiled.sample(500), twin.sample(500)
        np.testing.assert_array_equal(left.index, right.index)
        np.testing.assert_array_equal(left.weight, right.weight)


def read_only(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values


@pytest.mark.parametrize(
    ("index", "td_error"),
    [
        ([1, 2], [3, 5]),
        (np.array([1, 2], "int32"), np.array([3, 5], "float64")),
        (np.array([1, 2], "uint64"), np.array([3, 5], "float16")),
        (np.array([1, 9, 2, 9])[::2], np.array([5, 3], "float32")[::-1]),
        (read_only(np.array([1, 2])), read_only(np.array([3.0, 5.0]))),
        (np.empty(0, "int64"), np.empty(0)),
    ],
)
def test_indices_and_errors_of_any_kind_are_taken(index, td_error) -> None:
    buffer = prioritized(4)
    buffer.update_priorities(index, td_error)
    assert_shares(buffer, {0: 1, 1: 3, 2: 5, 3: 1} if len(index) else dict.fromkeys(range(4), 1))


def test_beta_changes_at_once_and_the_buffer_s_sampler_is_its_own() -> None:
    sampler = sw.Prioritized(1.0, 0.0, eps=0.0)
    first, second = (numbered_buffer(2, sampler=sampler, seed=0) for _ in range(2))
    for buffer in (first, second):
        fill(buffer, range(2))
        buffer.update_priorities([0, 1], [1.0, 4.0])
    first.sampler.beta = 0.5
    assert weights(first) == pytest.approx({0: 1.0, 1: 0.5})
    assert weights(second) == {0: 1.0, 1: 1.0}
    assert (first.sampler.beta, second.sampler.beta, sampler.beta) == (0.5, 0.0, 0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": -0.1}, {"alpha": np.nan}, {"beta": -1.0}, {"beta": np.inf}, {"eps": -1e-6},
        {"eps": np.nan}, {"normalize": "max"}, {"eta": 1.1}, {"eta": -0.1},
    ],
)  # fmt: skip
def test_a_description_that_means_nothing_is_refused(options) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        prioritized(4, **options)


def test_the_usual_numbers_are_the_paper_s() -> None:
    sampler = sw.Prioritized()
    assert (sampler.alpha, sampler.beta, sampler.eps) == (0.6, 0.4, 1e-6)
    assert (sampler.normalize, sampler.eta) == ("batch", 0.9)
