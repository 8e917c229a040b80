"""Sequences of rows: where they begin, what they hold, and what stands behind their end.

Rows are numbered by their index: row t has obs t, action 10 t, reward t / 2 and successor t + 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import SCALAR, fill, numbered, numbered_buffer

import sharpwave as sw


def episodes(lengths: list[int], capacity: int = 100, **options: Any) -> sw.ReplayBuffer:
    """Episodes of these lengths, terminated and truncated in turn, the last of them still open."""
    buffer = numbered_buffer(capacity, seed=0, **options)
    rows = numbered(np.arange(sum(lengths)))
    ends = np.cumsum(lengths)[:-1] - 1
    rows["terminated"][ends[::2]] = True
    rows["truncated"][ends[1::2]] = True
    buffer.extend(**rows)
    return buffer


def drawn(buffer: sw.ReplayBuffer, length: int, **options: int) -> list[list[int]]:
    """Every sequence that can be drawn, by its indices."""
    index = buffer.sample_sequences(64 * len(buffer), length, **options).index
    return sorted(map(list, set(map(tuple, index.tolist()))))


def test_sequences_never_cross_the_end_of_an_episode() -> None:
    assert drawn(episodes([2, 4, 1]), 3) == [
        [0, 1, -1], [1, -1, -1],
        [2, 3, 4], [3, 4, 5], [4, 5, -1], [5, -1, -1],
        [6, -1, -1],
    ]  # fmt: skip


def test_a_sequence_is_what_sample_gives_row_by_row() -> None:
    batch = episodes([3, 5]).sample_sequences(50, 4)
    for row, index in enumerate(batch.index):
        real = index >= 0
        assert batch.mask[row].tolist() == real.tolist()
        assert batch.obs[row][real].tolist() == index[real].tolist()
        assert batch.action[row][real].tolist() == (10 * index[real]).tolist()
        assert batch.reward[row][real].tolist() == (index[real] / 2).tolist()
        assert batch.next_obs[row][real].tolist() == (index[real] + 1).tolist()
        assert batch.terminated[row].tolist() == (index == 2).tolist()
        assert not batch.truncated[row].any()


def test_behind_the_end_is_nothing() -> None:
    batch = episodes([1, 1]).sample_sequences(20, 3)
    names = ["obs", "action", "reward", "next_obs", "terminated", "truncated", "discount"]
    for name in names:
        assert not batch[name][:, 1:].any()
    assert (batch.index[:, 1:] == -1).all()
    assert batch.mask.tolist() == [[True, False, False]] * 20


def test_shapes_and_dtypes() -> None:
    space = {"camera": sw.Field((2, 3), "uint8"), "speed": SCALAR}
    buffer = sw.ReplayBuffer(
        8,
        observation_space=space,
        action_space=sw.Field((2,), "float64"),
        extra_fields={"state": sw.Field((5,), "float32")},
    )
    obs = {"camera": np.ones((2, 3)), "speed": 1.0}
    for t in range(6):
        buffer.add(obs, [0.5, t], 1.0, obs, False, False, state=np.full(5, t))
    batch = buffer.sample_sequences(7, 3, burn_in=1)
    assert batch.obs["camera"].shape == batch.next_obs["camera"].shape == (7, 4, 2, 3)
    assert batch.obs["camera"].dtype == np.uint8
    assert (batch.action.shape, batch.action.dtype) == ((7, 4, 2), np.float64)
    assert (batch.state.shape, batch.state.dtype) == ((7, 4, 5), np.float32)
    expected = {"reward": "float32", "discount": "float32", "index": "int64", "mask": "bool"}
    for name, dtype in expected.items():
        assert (batch[name].shape, batch[name].dtype) == ((7, 4), dtype)
    assert len(batch) == 7


def test_a_stored_recurrent_state_comes_with_its_row() -> None:
    buffer = numbered_buffer(8, extra_fields={"state": sw.Field((2,), "float32")})
    buffer.extend(**numbered(np.arange(8)), state=np.arange(16).reshape(8, 2))
    batch = buffer.sample_sequences(20, 3)
    first = batch.index[:, 0]
    assert batch.state[:, 0].tolist() == np.stack([2 * first, 2 * first + 1], 1).tolist()


def test_sequences_begin_at_every_period_th_row_of_their_episode() -> None:
    buffer = episodes([5, 4, 3])
    starts = [sequence[0] for sequence in drawn(buffer, 2, period=2)]
    assert starts == [0, 2, 4, 5, 7, 9, 11]
    assert [sequence[0] for sequence in drawn(buffer, 2, period=100)] == [0, 5, 9]


def test_the_period_counts_from_the_episode_s_first_row_though_it_is_overwritten() -> None:
    buffer = numbered_buffer(5, seed=0)
    fill(buffer, range(9))
    assert [sequence[0] for sequence in drawn(buffer, 3, period=3)] == [6]
    fill(buffer, [9])
    assert drawn(buffer, 3, period=3) == [[6, 7, 8], [9, -1, -1]]


def test_something_is_left_to_learn_behind_the_burn_in() -> None:
    buffer = episodes([4, 2, 3])
    assert drawn(buffer, 2, burn_in=2) == [[0, 1, 2, 3], [1, 2, 3, -1], [6, 7, 8, -1]]


def test_sequences_end_at_the_newest_row() -> None:
    buffer = numbered_buffer(4, seed=0)
    fill(buffer, range(7))
    assert drawn(buffer, 3) == [[3, 4, 5], [4, 5, 6], [5, 6, -1], [6, -1, -1]]


def test_in_a_wrapped_ring_every_sequence_is_one_stretch_of_time() -> None:
    buffer = numbered_buffer(13, seed=0)
    rng = np.random.default_rng(0)
    for t in range(200):
        step = numbered(t)
        step["terminated"] = np.asarray(rng.random() < 0.1)
        buffer.add(**step)
        batch = buffer.sample_sequences(5, 6)
        for index, terminated in zip(batch.index, batch.terminated, strict=True):
            real = index[index >= 0]
            assert real.tolist() == list(range(real[0], real[0] + len(real)))
            assert not terminated[: len(real) - 1].any()
            assert real[-1] == t or terminated[len(real) - 1] or len(real) == 6


def test_a_cut_ends_sequences_without_any_flag() -> None:
    buffer = numbered_buffer(8, seed=0)
    fill(buffer, range(2))
    buffer.end_episode()
    fill(buffer, range(2, 5))
    assert drawn(buffer, 3, period=2) == [[0, 1, -1], [2, 3, 4], [4, -1, -1]]


def test_a_break_in_the_stream_is_no_boundary() -> None:
    buffer = numbered_buffer(8, seed=0)
    fill(buffer, [0, 1])
    fill(buffer, [50, 51])
    batch = buffer.sample_sequences(50, 4)
    assert [0, 1, 50, 51] in batch.obs.tolist()


def test_each_environment_has_its_own_sequences() -> None:
    buffer = numbered_buffer(12, num_envs=3, seed=0)
    buffer.extend(**numbered(np.array([[20], [21], [22]])), env_ids=[2])
    buffer.add(**(numbered([0, 10]) | {"terminated": [True, False]}), env_ids=[0, 1])
    buffer.add(**numbered([1, 11]), env_ids=[0, 1])
    batch = buffer.sample_sequences(500, 2)
    assert sorted(set(map(tuple, batch.index.tolist()))) == [
        (0, -1), (1, 4), (2, 5), (3, -1), (4, -1), (5, 8), (8, -1),
    ]  # fmt: skip
    real = batch.mask
    assert {(0, 0), (1, 10), (2, 20), (3, 1), (8, 22)} <= set(
        zip(batch.index[real].tolist(), batch.obs[real].tolist(), strict=True)
    )


def test_each_row_of_a_sequence_is_its_own_window() -> None:
    buffer = numbered_buffer(8, n_step=2, gamma=0.5, seed=0)
    fill(buffer, range(4))
    batch = buffer.sample_sequences(50, 5)
    row = batch.index[:, 0].tolist().index(0)
    assert batch.reward[row].tolist() == [0.25, 1.0, 1.75, 1.5, 0]
    assert batch.discount[row].tolist() == [0.25, 0.25, 0.25, 0.5, 0]
    assert batch.next_obs[row].tolist() == [2, 3, 4, 4, 0]


def test_stacks_in_sequences_are_the_rows_own() -> None:
    buffer = sw.ReplayBuffer(
        6, observation_space=sw.Field((2,), "int32"), action_space=SCALAR, frame_stack=2
    )
    for t in range(10):
        buffer.add([t, t + 1], 0.0, 0.0, [t + 1, t + 2], t == 6, False)
    batch = buffer.sample_sequences(100, 3)
    seen = {index[0]: obs for index, obs in zip(batch.index.tolist(), batch.obs, strict=True)}
    assert seen[4].tolist() == [[4, 5], [5, 6], [6, 7]]
    assert seen[6].tolist() == [[6, 7], [0, 0], [0, 0]]
    assert seen[8].tolist() == [[8, 9], [9, 10], [0, 0]]


def test_where_no_sequence_can_begin_sampling_is_refused() -> None:
    buffer = numbered_buffer(8)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample_sequences(1, 1)
    fill(buffer, range(3))
    with pytest.raises(ValueError, match="sequence"):
        buffer.sample_sequences(1, 1, burn_in=3)
    assert buffer.sample_sequences(1, 1, burn_in=2).index.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0), ("batch_size", -1), ("length", 0), ("length", -2), ("length", 1.5),
        ("burn_in", -1), ("period", 0), ("period", -1), ("length", 2**62),
    ],
)  # fmt: skip
def test_numbers_that_make_no_sequence_are_refused(name, value) -> None:
    buffer = episodes([5])
    options = {"batch_size": 2, "length": 2, "burn_in": 0, "period": 1} | {name: value}
    with pytest.raises((ValueError, TypeError, MemoryError)):
        buffer.sample_sequences(**options)


class TestPriorities:
    """A sequence is drawn by the priority of its first row."""

    def buffer(self, **options: Any) -> sw.ReplayBuffer:
        options = {"alpha": 1.0, "beta": 1.0, "eps": 0.0} | options
        return episodes([4, 2], sampler=sw.Prioritized(**options))

    def weights(self, buffer: sw.ReplayBuffer) -> dict[int, float]:
        """By 1 / p of the first row: beta is 1."""
        batch = buffer.sample_sequences(3000, 2)
        assert batch.weight.shape == (3000,)
        assert batch.weight.dtype == np.float32
        return dict(zip(batch.index[:, 0].tolist(), batch.weight.tolist(), strict=True))

    def test_first_rows_are_drawn_by_their_priority(self) -> None:
        buffer = self.buffer()
        buffer.update_priorities(np.arange(6), [0.0, 1.0, 100.0, 3.0, 0.0, 4.0])
        begins = buffer.sample_sequences(8000, 2).index[:, 0]
        counts = np.bincount(begins, minlength=6) / 8000 * 108
        np.testing.assert_allclose(counts, [0, 1, 100, 3, 0, 4], atol=1)
        assert counts[[0, 4]].tolist() == [0, 0]

    def test_weights_are_those_of_the_first_rows(self) -> None:
        buffer = self.buffer()
        buffer.update_priorities(np.arange(6), [1.0, 2.0, 4.0, 8.0, 4.0, 2.0])
        expected = {0: 1.0, 1: 1 / 2, 2: 1 / 4, 3: 1 / 8, 4: 1 / 4, 5: 1 / 2}
        assert self.weights(buffer) == pytest.approx(expected)

    def test_the_errors_of_a_sequence_are_mixed_by_eta(self) -> None:
        buffer = self.buffer(eta=0.75)
        index = np.array([[0, 1, 2], [4, 5, -1], [3, -1, -1]])
        td_error = np.array([[1.0, -5.0, 3.0], [2.0, -2.0, 99.0], [8.0, 99.0, 99.0]])
        buffer.update_priorities(index, td_error)
        # Row 0: 0.75 * 5 + 0.25 * 3; row 4: 2 and 2; row 3 alone; padding does not count.
        p = {0: 4.5, 1: 1.0, 2: 1.0, 3: 8.0, 4: 2.0, 5: 1.0}
        expected = {row: 1 / priority for row, priority in p.items()}
        assert self.weights(buffer) == pytest.approx(expected)

    def test_errors_of_the_last_steps_are_enough(self) -> None:
        buffer = self.buffer(eta=0.5)
        index = np.array([[0, 1, 2, 3], [1, 2, 3, -1]])  # a burn-in of two
        buffer.update_priorities(index, np.array([[2.0, 4.0], [6.0, 99.0]]))
        p = {0: 3.5, 1: 6.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
        expected = {row: 1 / priority for row, priority in p.items()}
        assert self.weights(buffer) == pytest.approx(expected)

    def test_one_error_a_sequence_goes_to_its_first_row(self) -> None:
        buffer = self.buffer()
        batch = buffer.sample_sequences(4, 2)
        buffer.update_priorities(batch.index[:, 0], np.full(4, 2.0))
        begins = set(batch.index[:, 0].tolist())
        found = self.weights(buffer)
        assert found == pytest.approx({row: 0.5 if row in begins else 1.0 for row in range(6)})

    def test_sequences_whose_first_row_is_gone_are_left_alone(self) -> None:
        buffer = episodes([3], capacity=3, sampler=sw.Prioritized(1.0, 1.0, eps=0.0))
        index = np.array([[0, 1], [1, 2]])
        fill(buffer, [3])
        buffer.update_priorities(index, np.full((2, 2), 4.0))
        assert self.weights(buffer) == pytest.approx({1: 0.25, 2: 1.0, 3: 1.0})

    @pytest.mark.parametrize(
        "td_error",
        [np.ones((2, 3)), np.ones((1, 2)), np.ones((3, 2)), np.full((2, 2), np.nan), np.ones(3)],
    )
    def test_errors_that_fit_no_sequence_are_refused(self, td_error) -> None:
        buffer = self.buffer()
        with pytest.raises(ValueError):
            buffer.update_priorities(np.array([[0, 1], [1, 2]]), td_error)
        assert self.weights(buffer) == dict.fromkeys(range(6), 1.0)


@pytest.mark.parametrize(
    "sampler",
    [sw.Uniform(), sw.WithoutReplacement(), sw.Recency(min_rows=1), sw.Prioritized()],
    ids=lambda sampler: sampler.kind,
)
def test_a_refused_call_has_drawn_nothing(sampler) -> None:
    """No episode is longer than three rows: asked in vain, the buffer goes on as if it were not."""
    drawn = []
    for asks in (False, True):
        buffer = sw.ReplayBuffer(
            12, observation_space=sw.Field(), action_space=sw.Field(), sampler=sampler, seed=4
        )
        t = np.arange(12)
        buffer.extend(t, t, t, t + 1, t % 3 == 2, np.zeros(12, bool))
        buffer.sample(5)
        if asks:
            with pytest.raises(ValueError, match="no sequence can begin"):
                buffer.sample_sequences(4, 2, burn_in=3)
        drawn.append([buffer.sample(7).index.tolist() for _ in range(20)])
    assert drawn[0] == drawn[1]


def test_whether_a_sequence_may_begin_is_known_where_only_a_late_step_of_its_period_is_stored() -> (
    None
):
    buffer = sw.ReplayBuffer(4, observation_space=sw.Field(), action_space=sw.Field(), seed=0)
    t = np.arange(9)
    buffer.extend(t, t, t, t + 1, np.zeros(9, bool), np.zeros(9, bool))  # 5 to 8 are stored
    assert set(buffer.sample_sequences(50, 1, period=7).obs[:, 0]) == {7.0}
    with pytest.raises(ValueError, match="no sequence can begin"):
        buffer.sample_sequences(1, 1, period=9)
    with pytest.raises(ValueError, match="no sequence can begin"):
        buffer.sample_sequences(1, 1, burn_in=2, period=7)


def test_rows_of_next_to_no_priority_are_found_where_only_they_may_begin_a_sequence() -> None:
    buffer = sw.ReplayBuffer(
        1000,
        observation_space=sw.Field(),
        action_space=sw.Field(),
        sampler=sw.Prioritized(alpha=1.0, eps=0.0),
        seed=0,
    )
    t = np.arange(1000)
    ends = t != 500  # but for rows 500 and 501 every episode is one row long
    buffer.extend(t, t, t, t + 1, ends, np.zeros(1000, bool))
    error = np.full(1000, 1e6)
    error[500] = 1e-6
    buffer.update_priorities(t, error)
    assert set(buffer.sample_sequences(20, 1, burn_in=1).index[:, 0].tolist()) == {500}
    buffer.update_priorities([500], [0.0])
    with pytest.raises(ValueError, match="no sequence can begin"):
        buffer.sample_sequences(20, 1, burn_in=1)
