"""The cpprb adapter beside cpprb's own classes: the same adds leave the same rows."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("cpprb")

from pair_cpprb import (
    ENV,
    SHARING,
    SIZE,
    STEP_ENV,
    WINDOWS,
    assert_same,
    assert_same_rows,
    copies,
    episode,
    pair,
    random_rows,
    sharing_env,
    steps,
    weights_by_row,
)

from sharpwave.compat import cpprb as ours


@pytest.mark.parametrize("kind", ["ReplayBuffer", "PrioritizedReplayBuffer"])
@pytest.mark.parametrize("seed", range(5))
def test_random_adds_leave_the_same_rows(kind, seed) -> None:
    rng = np.random.default_rng(seed)
    theirs, mine = pair(kind, ENV)
    for _ in range(60):
        match rng.integers(12):
            case 0:
                for buffer in (theirs, mine):
                    buffer.on_episode_end()
            case 1 if rng.random() < 0.3:
                for buffer in (theirs, mine):
                    buffer.clear()
            case _:
                count = rng.choice([None, None, None, 1, 2, 5, SIZE])
                rows = random_rows(rng, count)
                assert theirs.add(**rows) == mine.add(**rows)
        assert_same(theirs, mine)
    rows = rng.integers(0, mine.get_stored_size(), 7)
    for idx in (rows, rows.tolist(), tuple(rows), range(2), int(rows[0]), np.array(rows[0])):
        assert_same_rows(theirs._encode_sample(idx), mine._encode_sample(idx))


def test_values_may_be_flat_lists_and_numbers() -> None:
    theirs, mine = pair("ReplayBuffer", {"a": {"shape": (2, 2)}, "b": {"dtype": np.int32}})
    for rows in (
        {"a": [1, 2, 3, 4], "b": 1.7},
        {"a": [[1, 2], [3, 4]], "b": np.float64(2.9)},
        {"a": np.arange(8), "b": [[3], [4]]},
        {"a": np.arange(16.0).reshape(2, 2, 4).T, "b": np.array([3, 4, 5, 6])},
        {"a": np.zeros((1, 2, 2)), "b": True, "other": "ignored"},
    ):
        assert theirs.add(**rows) == mine.add(**rows)
        assert_same(theirs, mine)


def test_a_default_dtype_is_that_of_keys_without_one() -> None:
    theirs, mine = pair("ReplayBuffer", {"a": {}, "b": {"dtype": "i1"}}, default_dtype="f8")
    for buffer in (theirs, mine):
        buffer.add(a=1 / 3, b=-3)
    assert_same(theirs, mine)


def test_what_the_caller_made_is_not_written_into() -> None:
    env = copy.deepcopy(STEP_ENV)
    buffer = ours.ReplayBuffer(SIZE, env, Nstep=WINDOWS)
    assert env == STEP_ENV
    rows = steps(np.random.default_rng(0), 6)
    kept = copies(rows)
    buffer.add(**rows)
    buffer.on_episode_end()
    for name, value in kept.items():
        assert (rows[name] == value).all()


def test_the_last_of_more_rows_than_there_is_room_for_stay() -> None:
    buffer = ours.ReplayBuffer(4, {"a": {}})
    assert buffer.add(a=np.arange(11)) == 0
    assert (buffer.get_stored_size(), buffer.get_next_index()) == (4, 3)
    assert buffer.get_all_transitions()["a"].ravel().tolist() == [8, 9, 10, 7]
    buffer.add(a=11)
    assert sorted(buffer.get_all_transitions()["a"].ravel()) == [8, 9, 10, 11]


def test_samples_are_whole_rows_uniform_and_repeatable() -> None:
    rng = np.random.default_rng(0)
    mine = ours.ReplayBuffer(100, ENV)
    mine.add(**random_rows(rng, 100))
    rows = mine.get_all_transitions()
    np.random.seed(5)
    batch = mine.sample(20_000)
    np.random.seed(5)
    assert_same_rows(batch, mine.sample(20_000))
    row_of = {value: row for row, value in enumerate(rows["double"].ravel().tolist())}
    drawn = np.array([row_of[value] for value in batch["double"].ravel().tolist()])
    assert_same_rows(batch, {name: values[drawn] for name, values in rows.items()})
    counts = np.bincount(drawn, minlength=100)
    assert ((counts - 200) ** 2 / 200).sum() < 160  # chi-square of 99 degrees, p = 1e-4


def test_a_batch_is_the_callers_own() -> None:
    buffer = ours.PrioritizedReplayBuffer(50, {"a": {}})
    buffer.add(a=np.arange(50))
    batch = buffer.sample(4)
    kept = copies(batch)
    buffer.add(a=np.full(50, -1))
    buffer.update_priorities(np.arange(50), np.linspace(0, 1, 50))
    buffer.sample(4)
    for name, value in kept.items():
        assert (batch[name] == value).all()
    batch["a"][:] = 7
    assert (buffer.get_all_transitions()["a"] == -1).all()


def test_transitions_are_shuffled_by_numpys_generator() -> None:
    theirs, mine = pair("ReplayBuffer", {"a": {}}, size=50)
    for buffer in (theirs, mine):
        buffer.add(a=np.arange(50))
    np.random.seed(1)
    expected = theirs.get_all_transitions(shuffle=True)
    np.random.seed(1)
    assert_same_rows(expected, mine.get_all_transitions(shuffle=True))


@pytest.mark.parametrize("options", [{}, SHARING["both"], {"Nstep": WINDOWS}])
def test_a_refused_add_changes_nothing(options) -> None:
    rng = np.random.default_rng(0)
    env = {**sharing_env(options), "act": {"shape": 2}}
    buffer = ours.PrioritizedReplayBuffer(SIZE, env, **options)
    rows = [{**row, "act": [1, 2]} for row in episode(rng, 8)]
    for row in rows[:5]:
        buffer.add(**row)
    before = pickle.dumps(buffer)
    without = {name: value for name, value in rows[5].items() if name != "act"}
    with pytest.raises(KeyError, match="act"):
        buffer.add(**without)
    with pytest.raises(ValueError, match="as many values of each key"):
        buffer.add(**{**rows[5], "act": [1, 2, 3, 4]})
    with pytest.raises(ValueError, match="reshape"):
        buffer.add(**{**rows[5], "act": [1, 2, 3]})
    with pytest.raises(ValueError, match="`priorities` shape is incompatible"):
        buffer.add(**rows[5], priorities=[1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        buffer.add(**rows[5], priorities=float("nan"))
    assert pickle.dumps(buffer) == before


def test_a_refused_update_changes_nothing() -> None:
    buffer = ours.PrioritizedReplayBuffer(SIZE, {"a": {}})
    with pytest.raises(ValueError, match="every one is 0"):
        buffer.sample(4)
    buffer.add(a=np.arange(4), priorities=np.arange(1.0, 5.0))
    before = weights_by_row(buffer)
    with pytest.raises(ValueError, match="below 4, got 4"):
        buffer.update_priorities([0, 4], [1.0, 1.0])
    with pytest.raises(ValueError, match="got -1"):
        buffer.update_priorities([0, -1], [1.0, 1.0])
    with pytest.raises(ValueError, match="one value for each of 2"):
        buffer.update_priorities([0, 1], [1.0])
    with pytest.raises(ValueError, match="finite"):
        buffer.update_priorities([0, 1], [1.0, np.inf])
    for indexes, priorities in ((None, [1.0]), ([0], None)):
        with pytest.raises(TypeError, match="None"):
            buffer.update_priorities(indexes, priorities)
    buffer.update_priorities([], [])
    assert weights_by_row(buffer) == before
    assert buffer.get_max_priority() == 4.0


def test_options_that_cannot_be_had_are_refused() -> None:
    for options in ({"next_of": "other"}, {"stack_compress": "other"}):
        with pytest.raises(KeyError, match="other"):
            ours.ReplayBuffer(4, {"a": {}}, **options)
    with pytest.raises(KeyError, match="done"):
        ours.ReplayBuffer(4, {"a": {}}, Nstep={"size": 2})
    with pytest.raises(ValueError, match="at least 1"):
        ours.ReplayBuffer(4, {"a": {}}).sample(2)
    with pytest.raises(ValueError, match="rows from 0 to 3, got 4"):
        ours.ReplayBuffer(4, {"a": {}})._encode_sample([4])
