"""cpprb's windows of n steps and priorities, beside cpprb's own classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("cpprb")

from pair_cpprb import (
    ENV,
    SHARING,
    SIZE,
    STACK_ENV,
    STEP_ENV,
    WINDOWS,
    assert_same,
    assert_same_rows,
    assert_same_weights,
    copies,
    episode,
    pair,
    random_rows,
    steps,
    weights_by_row,
)

from sharpwave.compat import cpprb as ours


def windows_of(rows: dict[str, Any], size: int, gamma: float) -> dict[str, Any]:
    """What n-step windows are, by definition."""
    count = len(rows["rew"])
    out = copies(rows)
    for t in range(count):
        last = min(t + size, count) - 1
        out["rew"][t] = sum(gamma ** (k - t) * rows["rew"][k] for k in range(t, last + 1))
        out["next_obs"][t] = rows["next_obs"][last]
        out["done"][t] = rows["done"][t : last + 1].max()
    return out


@pytest.mark.parametrize("kind", ["ReplayBuffer", "PrioritizedReplayBuffer"])
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("batched", [False, True])
def test_windows_are_as_defined_and_as_cpprbs_where_those_are_whole(kind, size, batched) -> None:
    rng = np.random.default_rng(size)
    options = {"Nstep": {**WINDOWS, "size": size}}
    theirs, mine = pair(kind, STEP_ENV, size=400, **options)
    expected: list[dict[str, Any]] = []
    is_whole: list[bool] = []
    for turn in range(20):
        length = int(rng.integers(1, 12))
        rows = steps(rng, length, terminates=turn % 2 == 0)
        if batched:
            assert theirs.add(**copies(rows)) == mine.add(**rows)
        else:
            for t in range(length):
                row = {name: value[t] for name, value in rows.items()}
                first = mine.add(**row)
                assert theirs.add(**copies(row)) == first
                assert (first is None) == (t < size - 1)
        theirs.on_episode_end()
        mine.on_episode_end()
        expected.append(windows_of(rows, size, 0.9))
        is_whole += [t + size < length for t in range(length)]
    got, other = mine.get_all_transitions(), theirs.get_all_transitions()
    assert len(is_whole) == mine.get_stored_size() == theirs.get_stored_size()
    for name, values in got.items():
        want = np.concatenate([rows[name] for rows in expected]).reshape(values.shape)
        np.testing.assert_allclose(values, want, rtol=2e-5, atol=1e-6, err_msg=name)
        # a window that ends with the episode is another one in cpprb, see docs/peers/cpprb.md
        rows = slice(None) if name in ("obs", "act", "rew") else np.array(is_whole)
        np.testing.assert_allclose(values[rows], other[name][rows], rtol=2e-5, atol=1e-6)
        assert values.dtype == other[name].dtype


def test_rewards_behind_a_terminal_step_do_not_count() -> None:
    theirs, mine = pair("ReplayBuffer", STEP_ENV, size=100, Nstep=WINDOWS)
    rng = np.random.default_rng(0)
    for _ in range(60):  # nobody says where an episode ends
        row = {name: value[0] for name, value in steps(rng, 1).items()}
        row["done"] = float(rng.random() < 0.2)
        theirs.add(**copies(row))
        mine.add(**row)
    np.testing.assert_allclose(
        mine.get_all_transitions()["rew"], theirs.get_all_transitions()["rew"], rtol=1e-5, atol=1e-6
    )
    assert set(mine.get_all_transitions()["done"].ravel().tolist()) == {0.0, 1.0}


def test_rows_that_wait_keep_what_they_were_added_with() -> None:
    buffer = ours.ReplayBuffer(10, STEP_ENV, Nstep=WINDOWS)
    obs = np.zeros(3, np.float32)
    for t in range(5):
        obs[:] = t  # as environments do that write into one array
        buffer.add(obs=obs, act=t, rew=1.0, next_obs=obs, done=False)
    rows = buffer.get_all_transitions()
    assert rows["obs"][:, 0].tolist() == [0, 1, 2]
    assert rows["next_obs"][:, 0].tolist() == [2, 3, 4]


def test_windows_go_with_what_is_stored_once() -> None:
    rng = np.random.default_rng(0)
    options = {**SHARING["both"], "Nstep": WINDOWS}
    sharing = ours.ReplayBuffer(SIZE, STACK_ENV, **options)
    plain = ours.ReplayBuffer(SIZE, {**STACK_ENV, "next_obs": STACK_ENV["obs"]}, Nstep=WINDOWS)
    for _ in range(6):
        for row in episode(rng, 7):
            assert plain.add(**row) == sharing.add(**row)
            assert_same(plain, sharing)
        plain.on_episode_end()
        sharing.on_episode_end()
        assert_same(plain, sharing)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.9, "eps": 0.01}, {"Nstep": WINDOWS}])
@pytest.mark.parametrize("seed", range(3))
def test_priorities_and_weights_are_cpprbs(options, seed) -> None:
    rng = np.random.default_rng(seed)
    theirs, mine = pair("PrioritizedReplayBuffer", STEP_ENV, **options)
    for turn in range(25):
        # a batch that goes around the end has other priorities in cpprb, see docs/peers/cpprb.md
        room = SIZE - mine.get_next_index()
        rows = steps(rng, int(rng.integers(1, min(room, 4) + 1)))
        count = len(rows["rew"])
        priorities = None if rng.random() < 0.5 else rng.random(count) * 3
        first = theirs.add(priorities=priorities, **copies(rows))
        assert mine.add(priorities=priorities, **rows) == first
        if turn % 4 == 3 and mine.get_next_index() < SIZE - 2:
            theirs.on_episode_end()
            mine.on_episode_end()
        if mine.get_stored_size():
            drawn = rng.integers(0, mine.get_stored_size(), 5).astype(np.uint64)
            errors = rng.random(5) * 2
            theirs.update_priorities(drawn, errors)
            mine.update_priorities(drawn, errors)
            assert_same_weights(theirs, mine)
    theirs.clear()
    mine.clear()
    for buffer in (theirs, mine):
        buffer.add(**steps(np.random.default_rng(0), 5))
    assert_same_weights(theirs, mine)


def test_a_batch_that_goes_around_the_end_keeps_its_priorities() -> None:
    buffer = ours.PrioritizedReplayBuffer(4, {"a": {}}, alpha=1.0, eps=0.0)
    buffer.add(a=np.arange(3), priorities=np.ones(3))
    buffer.add(a=np.arange(3), priorities=[100.0, 0.25, 0.5])
    weights = weights_by_row(buffer, beta=1.0)
    assert weights == pytest.approx({0: 1.0, 1: 0.5, 2: 0.25, 3: 0.0025})


def test_a_prioritized_sample_is_as_cpprbs_in_form_and_repeatable() -> None:
    theirs, mine = pair("PrioritizedReplayBuffer", ENV)
    rows = random_rows(np.random.default_rng(0), SIZE)
    errors = np.linspace(0.1, 2, SIZE)
    for buffer in (theirs, mine):
        buffer.add(priorities=errors, **rows)
    np.random.seed(2)
    batch, expected = mine.sample(16, 0.5), theirs.sample(16, 0.5)
    assert batch.keys() == expected.keys()
    for name, values in batch.items():
        assert (values.shape, values.dtype) == (expected[name].shape, expected[name].dtype), name
    chosen = {name: batch[name] for name in rows}
    assert_same_rows(chosen, mine._encode_sample(batch["indexes"]))
    np.random.seed(2)
    assert_same_rows(batch, mine.sample(16, 0.5))


def test_draws_are_in_proportion_to_priorities() -> None:
    buffer = ours.PrioritizedReplayBuffer(64, {"a": {}}, alpha=0.6, eps=1e-4)
    errors = np.random.default_rng(0).exponential(size=50)
    buffer.add(a=np.arange(50), priorities=errors)
    np.random.seed(0)
    drawn = np.concatenate([buffer.sample(100)["indexes"] for _ in range(400)]).astype(int)
    expected = (errors + 1e-4) ** 0.6
    expected *= len(drawn) / expected.sum()
    counts = np.bincount(drawn, minlength=64)
    assert (counts[50:] == 0).all()
    assert ((counts[:50] - expected) ** 2 / expected).sum() < 95  # 49 degrees, p = 1e-4


def test_updates_of_rows_written_since_are_ignored_where_asked() -> None:
    theirs, mine = pair("PrioritizedReplayBuffer", {"a": {}}, size=6, check_for_update=True)
    for buffer in (theirs, mine):
        buffer.add(a=np.arange(5))
        buffer.update_priorities([0, 1], [9.0, 9.0])  # written, but never sampled
        buffer.sample(4)
        buffer.update_priorities([0, 1, 4], [0.5, 2.0, 0.1])
        buffer.add(a=[5, 6])  # rows 5 and 0
        buffer.update_priorities([0, 5, 2], [7.0, 7.0, 0.3])
    assert_same_weights(theirs, mine)


def test_a_signed_error_counts_by_its_size() -> None:
    buffer = ours.PrioritizedReplayBuffer(2, {"a": {}}, alpha=1.0, eps=0.0)
    buffer.add(a=[0, 1])
    buffer.update_priorities([0, 1], [-4.0, 1.0])
    assert buffer.get_max_priority() == 4.0
    assert weights_by_row(buffer, beta=1.0) == pytest.approx({0: 0.25, 1: 1.0})


@pytest.mark.parametrize("dtype", ["i1", "u1", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])
def test_indexes_may_be_of_any_dtype(dtype) -> None:
    buffer = ours.PrioritizedReplayBuffer(4, {"a": {}})
    buffer.add(a=np.arange(4))
    buffer.update_priorities(np.array([[1], [2]], dtype), np.array([[5.0], [6.0]]))
    assert buffer.get_max_priority() == 6.0
