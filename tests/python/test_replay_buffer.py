"""What a buffer holds: which rows, under which names, in which copies."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from helpers import NUMBER, SCALAR, contents, draw_all, fill, numbered, numbered_buffer

import sharpwave as sw


def test_a_sampled_row_is_the_added_row() -> None:
    buffer = sw.ReplayBuffer(
        8, observation_space=sw.Field((2,), "float32"), action_space=NUMBER, gamma=0.5
    )
    buffer.add([1.0, 2.0], 3, 4.0, [5.0, 6.0], False, True)
    batch = buffer.sample(2)
    np.testing.assert_array_equal(batch.obs, [[1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_array_equal(batch.action, [3, 3])
    np.testing.assert_array_equal(batch.reward, [4.0, 4.0])
    np.testing.assert_array_equal(batch.next_obs, [[5.0, 6.0], [5.0, 6.0]])
    np.testing.assert_array_equal(batch.terminated, [False, False])
    np.testing.assert_array_equal(batch.truncated, [True, True])
    np.testing.assert_array_equal(batch.discount, [0.5, 0.5])
    np.testing.assert_array_equal(batch.index, [0, 0])


@pytest.mark.parametrize(
    ("terminated", "truncated", "discount"),
    [(False, False, 0.25), (False, True, 0.25), (True, False, 0.0), (True, True, 0.0)],
)
def test_only_termination_stops_the_bootstrap(terminated, truncated, discount) -> None:
    buffer = numbered_buffer(2, gamma=0.25)
    buffer.add(0.0, 0, 0.0, 1.0, terminated, truncated)
    batch = buffer.sample(1)
    assert (batch.terminated[0], batch.truncated[0]) == (terminated, truncated)
    assert batch.discount[0] == discount


def test_the_default_gamma_is_0_99() -> None:
    buffer = numbered_buffer(2)
    fill(buffer, [0])
    assert buffer.sample(1).discount[0] == np.float32(0.99)


@pytest.mark.parametrize(
    ("capacity", "num_envs", "kept"), [(10, 1, 10), (10, 3, 9), (3, 3, 3), (1, 1, 1)]
)
def test_capacity_is_rounded_down_to_whole_environments(capacity, num_envs, kept) -> None:
    buffer = numbered_buffer(capacity, num_envs=num_envs)
    assert (buffer.capacity, buffer.num_envs, len(buffer)) == (kept, num_envs, 0)
    fill(buffer, np.arange(20 * num_envs).reshape(20, num_envs))
    assert len(buffer) == kept


def test_the_oldest_rows_leave_first() -> None:
    buffer = numbered_buffer(4)
    seen = []
    for t in range(7):
        fill(buffer, [t])
        seen.append(contents(buffer))
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]


@pytest.mark.parametrize(
    ("length", "kept", "then"),
    [
        (0, [], [99]),
        (4, [0, 1, 2, 3], [1, 2, 3, 99]),
        (5, [1, 2, 3, 4], [2, 3, 4, 99]),
        (8, [4, 5, 6, 7], [5, 6, 7, 99]),
        (9, [5, 6, 7, 8], [6, 7, 8, 99]),
        (11, [7, 8, 9, 10], [8, 9, 10, 99]),
    ],
)
def test_extend_keeps_the_last_rows_however_many_come(length, kept, then) -> None:
    buffer = numbered_buffer(4)
    buffer.extend(**numbered(np.arange(length)))
    assert (contents(buffer) if length else []) == kept
    assert len(buffer) == len(kept)
    fill(buffer, [99])
    assert contents(buffer) == then


def test_extend_is_many_adds() -> None:
    steps = np.arange(60).reshape(20, 3) * 7 % 11
    one_by_one, at_once = (numbered_buffer(24, num_envs=3, seed=1) for _ in range(2))
    fill(one_by_one, steps)
    at_once.extend(**numbered(steps[:3]))
    at_once.extend(**numbered(steps[3:]))
    first, second = one_by_one.sample(100), at_once.sample(100)
    for name in first.keys():  # noqa: SIM118
        np.testing.assert_array_equal(first[name], second[name])


def test_one_environment_takes_values_with_or_without_an_axis_of_one() -> None:
    buffer = numbered_buffer(9)
    buffer.add(**numbered(0))
    buffer.add(**numbered([1]))
    buffer.extend(**numbered([2, 3]))
    buffer.extend(**numbered([[4], [5]]))
    buffer.add(6.0, 60, 3, 7.0, False, False)
    buffer.add(**numbered([7]), env_ids=[0])
    assert contents(buffer) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_env_ids_say_whose_rows_come_in_any_order() -> None:
    buffer = numbered_buffer(30, num_envs=3)
    buffer.add(**numbered([20, 0]), env_ids=[2, 0])
    buffer.add(**numbered([1]), env_ids=np.array([0]))
    buffer.extend(**numbered([[21, 10], [22, 11]]), env_ids=(2, 1))
    rows = {index: float(row["obs"]) for index, row in draw_all(buffer).items()}
    # index = time * num_envs + environment, and each environment counts its own time.
    assert rows == {0: 0, 3: 1, 1: 10, 4: 11, 2: 20, 5: 21, 8: 22}
    assert len(buffer) == 7


def test_an_index_never_names_a_second_transition() -> None:
    buffer = numbered_buffer(3)
    fill(buffer, range(5))
    assert set(draw_all(buffer)) == {2, 3, 4}
    buffer.clear()
    assert len(buffer) == 0
    fill(buffer, [50])
    assert {index: float(row["obs"]) for index, row in draw_all(buffer).items()} == {5: 50.0}


def test_rows_of_an_environment_that_lags_behind_are_kept() -> None:
    buffer = numbered_buffer(8, num_envs=2)
    buffer.add(**numbered([100]), env_ids=[1])
    for t in range(50):
        buffer.add(**numbered([t]), env_ids=[0])
    assert sorted(contents(buffer)) == [46, 47, 48, 49, 100]


def test_the_caller_may_use_its_arrays_again() -> None:
    buffer = sw.ReplayBuffer(
        8, observation_space=sw.Field((3,), "float32"), action_space=sw.Field((3,), "float32")
    )
    obs, action, next_obs = (np.empty(3, "float32") for _ in range(3))
    reward, terminated, truncated = np.empty(1), np.empty(1, bool), np.empty(1, bool)
    for t in range(5):
        obs[:], action[:], next_obs[:], reward[:] = t, t, t + 1, t
        terminated[:], truncated[:] = t == 4, t == 3
        buffer.add(obs, action, reward, next_obs, terminated, truncated)
    for array in (obs, action, next_obs, reward):
        array[:] = 77
    for t, row in draw_all(buffer).items():
        assert row["obs"].tolist() == row["action"].tolist() == [t] * 3
        assert row["next_obs"].tolist() == [t + 1] * 3
        assert (row["reward"], row["terminated"], row["truncated"]) == (t, t == 4, t == 3)


def test_writing_into_a_batch_does_not_reach_the_buffer() -> None:
    buffer = numbered_buffer(4)
    fill(buffer, range(4))
    batch = buffer.sample(64)
    for name in batch.keys():  # noqa: SIM118
        batch[name][...] = 1
    assert contents(buffer) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("successor", "obs"), [(0.0, -0.0), (-0.0, 0.0), (1.0, 1.0000001), (np.nan, -np.nan)]
)
def test_a_successor_is_not_taken_for_an_equal_looking_observation(successor, obs) -> None:
    buffer = numbered_buffer(4)
    buffer.add(5.0, 0, 0.0, successor, False, False)
    buffer.add(obs, 0, 0.0, 6.0, False, False)
    rows = draw_all(buffer)
    assert rows[0]["next_obs"].tobytes() == np.float32(successor).tobytes()
    assert rows[1]["obs"].tobytes() == np.float32(obs).tobytes()


@pytest.mark.parametrize("method", ["add", "extend"])
@pytest.mark.parametrize("part", ["large", "number", "pair"])
def test_a_successor_may_differ_from_the_next_observation_in_any_part(part, method) -> None:
    space = {"number": NUMBER, "large": sw.Field((400,), "uint8"), "pair": sw.Field((2,), "int8")}

    def obs(changed: bool) -> dict[str, np.ndarray]:
        parts = {name: np.zeros(field.shape, field.dtype) for name, field in space.items()}
        parts[part].reshape(-1)[-1] = changed
        return parts

    buffer = sw.ReplayBuffer(8, observation_space=space, action_space=NUMBER)
    first, second = (obs(False), 0, 0.0, obs(False)), (obs(True), 1, 0.0, obs(False))
    if method == "add":
        for row in (first, second):
            buffer.add(*row, False, False)
    else:
        steps = [{name: np.stack([a[i][name] for a in (first, second)]) for name in space}
                 for i in (0, 3)]  # fmt: skip
        flags = np.zeros(2, bool)
        buffer.extend(steps[0], np.arange(2), np.zeros(2), steps[1], flags, flags)
    rows = draw_all(buffer)
    assert rows[0]["next_obs"][part].reshape(-1)[-1] == 0
    assert rows[1]["obs"][part].reshape(-1)[-1] == 1


def test_a_signalling_nan_given_as_a_numpy_scalar_keeps_its_bits() -> None:
    bits = np.array([0x7F812345], "uint32").view("float32")
    buffer = numbered_buffer(4)
    buffer.add(bits[0], 0, bits[0], bits[0], False, False)
    batch = buffer.sample(1)
    for column in (batch.obs, batch.reward, batch.next_obs):
        assert column.tobytes() == bits.tobytes()


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
@pytest.mark.parametrize("shape", [(84, 84), (3,)])
def test_a_stream_cut_at_every_step_keeps_every_successor(shape, ends) -> None:
    buffer = sw.ReplayBuffer(
        100, observation_space=sw.Field(shape, "uint8"), action_space=NUMBER, autoreset="next_step"
    )
    t = np.arange(300)
    frames = np.broadcast_to(
        (t % 251).astype("uint8").reshape(300, 1, *[1] * len(shape)), (300, 1, *shape)
    )
    after = np.roll(frames, -1, axis=0)
    flags = {"terminated": t[:, None] < 0, "truncated": t[:, None] < 0}
    flags[ends] = (t % 2 == 0)[:, None]  # every other row is a reset and is skipped
    buffer.extend(frames, t[:, None], t[:, None], after, **flags)
    rows = draw_all(buffer)
    assert sorted(rows) == list(range(50, 150))
    for index, row in rows.items():
        assert (row["action"], row[ends]) == (2 * index, True)
        assert np.all(row["obs"] == 2 * index % 251)
        assert np.all(row["next_obs"] == (2 * index + 1) % 300 % 251)


def test_a_stream_of_frames_is_stored_once() -> None:
    buffer = sw.ReplayBuffer(
        1000, observation_space=sw.Field((84, 84), "uint8"), action_space=NUMBER
    )
    frames = np.random.default_rng(0).integers(0, 256, (1501, 84, 84)).astype("uint8")
    for t in range(1500):
        buffer.add(frames[t], t, 0.0, frames[t + 1], False, False)
    assert 84 * 84 * 1000 <= buffer.nbytes <= 1.15 * 84 * 84 * 1000
    batch = buffer.sample(200)
    np.testing.assert_array_equal(batch.obs, frames[batch.index])
    np.testing.assert_array_equal(batch.next_obs, frames[batch.index + 1])


class TestStoredView:
    """buffer["name"]: the stored rows, slot by slot, without a copy."""

    def test_it_shows_the_slots_in_order(self) -> None:
        buffer = numbered_buffer(4)
        fill(buffer, range(3))
        assert buffer["obs"].tolist() == [0, 1, 2]
        fill(buffer, range(3, 6))
        assert buffer["obs"].tolist() == [4, 5, 2, 3]
        assert buffer["action"].tolist() == [40, 50, 20, 30]

    def test_it_has_an_axis_of_environments_when_there_are_several(self) -> None:
        buffer = numbered_buffer(8, num_envs=2)
        fill(buffer, np.array([[0, 10], [1, 11], [2, 12]]))
        assert buffer["obs"].tolist() == [[0, 1, 2], [10, 11, 12]]

    def test_it_is_a_dict_for_a_dict(self) -> None:
        space = {"z": SCALAR, "a": NUMBER}
        buffer = sw.ReplayBuffer(4, observation_space=space, action_space=NUMBER)
        buffer.add({"a": 1, "z": 2.0}, 0, 0.0, {"z": 4.0, "a": 3}, False, False)
        view = buffer["obs"]
        assert (view["z"].tolist(), view["a"].tolist()) == ([2.0], [1])
        assert (view["z"].dtype, view["a"].dtype) == (np.float32, np.int64)

    def test_it_cannot_be_written_and_is_no_copy(self) -> None:
        buffer = numbered_buffer(4)
        fill(buffer, range(4))
        first, second = buffer["obs"], buffer["obs"]
        assert np.shares_memory(first, second)
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 1.0
        fill(buffer, [4])
        assert first.tolist() == [4, 1, 2, 3]

    def test_it_keeps_the_memory_of_a_buffer_that_is_gone(self) -> None:
        buffer = numbered_buffer(1000)
        buffer.extend(**numbered(np.arange(1000)))
        view = buffer["obs"]
        del buffer
        gc.collect()
        others = [numbered_buffer(1000) for _ in range(20)]
        for other in others:
            other.extend(**numbered(np.arange(1000, 2000)))
        np.testing.assert_array_equal(view, np.arange(1000))

    def test_an_unknown_name_is_a_key_error(self) -> None:
        with pytest.raises(KeyError, match="no_such_field"):
            numbered_buffer(4)["no_such_field"]
