"""Transitions from arrays and Minari datasets are those that went in, and come out again."""

from __future__ import annotations

import numpy as np
import pytest

import sharpwave as sw

NO = False


def stored(buffer: sw.ReplayBuffer) -> sw.Batch:
    """Every row, in order."""
    return buffer.rows(buffer._listing()[0], n_step=1)


def test_rows_with_successors_are_taken_as_they_are() -> None:
    buffer = sw.ReplayBuffer.from_arrays(
        obs={"a": np.arange(6.0).reshape(3, 2), "b": (np.arange(3, dtype="uint8"),)},
        action=np.array([5, 6, 7]),
        reward=np.array([1.0, 2.0, 3.0]),
        terminated=[NO, NO, True],
        truncated=[NO, True, NO],
        next_obs={"a": np.arange(6.0).reshape(3, 2) + 9, "b": (np.arange(3, dtype="uint8") + 7,)},
        extra={"log_prob": np.array([0.5, 0.25, 0.125], "float32")},
        seed=0,
    )
    rows = stored(buffer)
    assert buffer.capacity == 3
    assert rows.obs["a"].dtype == np.float64
    assert rows.next_obs["b"][0].tolist() == [7, 8, 9]
    assert (rows.action.tolist(), rows.action.dtype) == ([5, 6, 7], np.int64)
    assert rows.log_prob.tolist() == [0.5, 0.25, 0.125]
    assert rows.truncated.tolist() == [NO, True, NO]


def test_without_successors_truncated_rows_are_left_out_and_cut_the_stream() -> None:
    buffer = sw.ReplayBuffer.from_arrays(
        obs=np.arange(9),
        action=np.zeros(8),
        reward=10.0 ** np.arange(8),
        terminated=[NO, NO, NO, True, NO, NO, NO, NO],
        truncated=[NO, True, NO, NO, NO, True, NO, NO],
        n_step=3,
        gamma=1.0,
    )
    rows = stored(buffer)
    assert rows.obs.tolist() == [0, 2, 3, 4, 6, 7]
    assert rows.next_obs.tolist() == [1, 3, 3, 5, 7, 8]
    assert rows.terminated.tolist() == [NO, NO, True, NO, NO, NO]
    windows = buffer.rows(buffer._listing()[0])
    assert windows.reward.tolist() == [1, 1100, 1000, 10000, 11000000, 10000000]


def test_without_the_last_observation_the_last_row_is_left_out_unless_it_terminated() -> None:
    columns = {"action": np.zeros(3), "reward": np.zeros(3), "truncated": [NO] * 3}
    open_end = sw.ReplayBuffer.from_arrays(np.arange(3), terminated=[NO] * 3, **columns)
    assert stored(open_end).obs.tolist() == [0, 1]
    ended = sw.ReplayBuffer.from_arrays(np.arange(3), terminated=[NO, NO, True], **columns)
    assert stored(ended).obs.tolist() == [0, 1, 2]


def test_spaces_and_options_may_be_given() -> None:
    buffer = sw.ReplayBuffer.from_arrays(
        obs=np.arange(4),
        action=[0, 1, 1],
        reward=[0, 0, 0],
        terminated=[NO, NO, NO],
        truncated=[NO, NO, NO],
        capacity=10,
        observation_space=sw.Field((), "float32"),
        action_space=sw.Field((), "int8"),
        sampler=sw.Prioritized(),
    )
    assert (buffer.capacity, len(buffer)) == (10, 3)
    batch = buffer.sample(4)
    assert (batch.obs.dtype, batch.action.dtype) == (np.float32, np.int8)
    assert "weight" in batch


def test_lengths_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="obs: expected 3 rows, or 4"):
        sw.ReplayBuffer.from_arrays(np.arange(5), [0] * 3, [0] * 3, [NO] * 3, [NO] * 3)
    with pytest.raises(ValueError, match="action"):
        sw.ReplayBuffer.from_arrays(
            np.arange(3), np.zeros(2), np.zeros(3), [NO] * 3, [NO] * 3, np.arange(3)
        )
    with pytest.raises(ValueError, match="axis of rows"):
        sw.ReplayBuffer.from_arrays(5, [0], [0], [NO], [NO])


@pytest.fixture
def minari(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return pytest.importorskip("minari")


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:minari", "ignore::DeprecationWarning")


def dataset_of(minari, episodes, **spaces):
    from minari.data_collector import EpisodeBuffer

    buffers = [EpisodeBuffer(id=k, **episode) for k, episode in enumerate(episodes)]
    return minari.create_dataset_from_buffers("test/made-v0", buffers, **spaces)


def episode(first: int, steps: int, terminated: bool, truncated: bool) -> dict:
    t = np.arange(first, first + steps + 1)
    ends = np.arange(steps) == steps - 1
    return {
        "observations": {"x": np.stack([t, t], 1).astype("float32"), "n": t.astype("int64")},
        "actions": np.arange(first, first + steps),
        "rewards": t[:-1] / 2,
        "terminations": ends & terminated,
        "truncations": ends & truncated,
    }


def test_a_minari_dataset_becomes_a_buffer_and_a_dataset_again(minari) -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    made = dataset_of(
        minari,
        [episode(0, 3, True, NO), episode(10, 4, NO, True), episode(20, 2, NO, NO)],
        observation_space=spaces.Dict(
            {"x": spaces.Box(-99, 99, (2,), np.float32), "n": spaces.Box(0, 99, (), np.int64)}
        ),
        action_space=spaces.Discrete(99),
    )
    buffer = sw.ReplayBuffer.from_minari(made, n_step=2, gamma=1.0, seed=0)
    rows = stored(buffer)
    assert buffer.capacity == 9
    assert rows.action.tolist() == [0, 1, 2, 10, 11, 12, 13, 20, 21]
    assert rows.obs["n"].tolist() == rows.action.tolist()
    assert (rows.next_obs["x"][:, 1] == rows.action + 1).all()
    assert np.flatnonzero(rows.terminated).tolist() == [2]
    assert np.flatnonzero(rows.truncated).tolist() == [6]

    again = buffer.to_minari("test/again-v0")
    assert [len(e.rewards) for e in again.iterate_episodes()] == [3, 4, 2]
    twin = stored(sw.ReplayBuffer.from_minari(again, seed=0))
    for name in ("action", "reward", "terminated", "truncated"):
        assert (rows[name] == twin[name]).all(), name
    for key in ("x", "n"):
        assert (rows.obs[key] == twin.obs[key]).all()
        assert (rows.next_obs[key] == twin.next_obs[key]).all()


def test_the_episodes_of_several_environments_are_written_one_by_one(minari) -> None:
    buffer = sw.ReplayBuffer(
        6, observation_space=sw.Field((1,)), action_space=sw.Field((1,)), num_envs=2, seed=0
    )
    for t in range(5):
        obs = np.array([[t], [100 + t]], "float32")
        buffer.add(obs, obs, [0, 0], obs + 1, [t == 3, NO], [NO, NO])
    episodes = list(buffer.to_minari("test/two-v0").iterate_episodes())
    assert [e.observations[:, 0].tolist() for e in episodes] == [
        [2, 3, 4],
        [4, 5],
        [102, 103, 104, 105],
    ]


def test_an_empty_buffer_is_no_dataset(minari) -> None:
    buffer = sw.ReplayBuffer(6, observation_space=sw.Field(), action_space=sw.Field())
    with pytest.raises(ValueError, match="the buffer is empty"):
        buffer.to_minari("test/none-v0")
