"""Windows of n rows: their rewards, successors and discounts, in numbers checked by hand.

Rows are written as obs: (reward, discount, next_obs, terminated).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import SCALAR, draw_all, numbered_buffer

import sharpwave as sw

RUNNING, TERMINATED, TRUNCATED = (False, False), (True, False), (False, True)


def add(buffer: sw.ReplayBuffer, obs: float, reward: float, end=RUNNING, **options: Any) -> None:
    """A row that leads from `obs` to obs + 1, with action 10 obs."""
    buffer.add([obs], [int(10 * obs)], [reward], [obs + 1], [end[0]], [end[1]], **options)


def add_steps(buffer: sw.ReplayBuffer, start: float, rewards, end=RUNNING, **options: Any) -> None:
    """Rows with these rewards, the last of which ends so."""
    for t, reward in enumerate(rewards):
        add(buffer, start + t, reward, end if t + 1 == len(rewards) else RUNNING, **options)


def windows(buffer: sw.ReplayBuffer) -> dict[float, tuple[float, float, float, bool]]:
    names = ("obs", "reward", "discount", "next_obs", "terminated")
    rows = [tuple(row[name].item() for name in names) for row in draw_all(buffer).values()]
    return {row[0]: row[1:] for row in sorted(rows)}


def test_a_window_ends_at_a_terminated_row() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=0.5)
    add_steps(buffer, 0, [1, 2, 4, 8], TERMINATED)
    assert windows(buffer) == {
        0: (3, 0.125, 3, False),  # 1 + 2/2 + 4/4
        1: (6, 0, 4, True),
        2: (8, 0, 4, True),
        3: (8, 0, 4, True),
    }


def test_a_window_that_ends_at_a_truncated_row_bootstraps_by_its_own_length() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=0.5)
    add_steps(buffer, 0, [1, 2, 4, 8], TRUNCATED)
    assert windows(buffer) == {
        0: (3, 0.125, 3, False),
        1: (6, 0.125, 4, False),
        2: (8, 0.25, 4, False),
        3: (8, 0.5, 4, False),
    }
    assert [row["truncated"].item() for _, row in sorted(draw_all(buffer).items())] == [
        False, True, True, True,
    ]  # fmt: skip


def test_both_flags_at_once_are_a_termination() -> None:
    buffer = numbered_buffer(8, n_step=2, gamma=0.5)
    add_steps(buffer, 0, [1, 2], (True, True))
    assert windows(buffer) == {0: (2, 0, 2, True), 1: (2, 0, 2, True)}
    assert all(row["truncated"] for row in draw_all(buffer).values())


def test_windows_stop_at_the_newest_row_of_a_full_ring() -> None:
    buffer = numbered_buffer(6, n_step=3, gamma=0.5)
    add_steps(buffer, 0, [1] * 9)
    assert windows(buffer) == {
        3: (1.75, 0.125, 6, False),
        4: (1.75, 0.125, 7, False),
        5: (1.75, 0.125, 8, False),
        6: (1.75, 0.125, 9, False),
        7: (1.5, 0.25, 9, False),
        8: (1, 0.5, 9, False),
    }


def test_windows_stop_at_the_newest_row_of_a_ring_that_is_not_full() -> None:
    buffer = numbered_buffer(10_000, n_step=5, gamma=0.5)
    add_steps(buffer, 0, [1, 1, 64])
    assert windows(buffer) == {
        0: (17.5, 0.125, 3, False),
        1: (33, 0.25, 3, False),
        2: (64, 0.5, 3, False),
    }


def test_a_row_grows_with_the_rows_that_come_after_it() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=0.5)
    seen = []
    for t, reward in enumerate([1, 2, 4, 8]):
        add(buffer, t, reward)
        seen.append(windows(buffer)[0])
    assert seen == [(1, 0.5, 1, False), (2, 0.25, 2, False), *[(3, 0.125, 3, False)] * 2]


@pytest.mark.parametrize(("end", "left"), [(TRUNCATED, 0.5), (TERMINATED, 0)])
def test_nothing_spills_from_one_episode_into_the_next(end, left) -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=0.5)
    add_steps(buffer, 0, [1, 1], end)
    add_steps(buffer, 100, [10, 10, 10], TERMINATED)
    rows = windows(buffer)
    assert rows[0] == (1.5, left / 2, 2, end is TERMINATED)
    assert rows[1] == (1, left, 2, end is TERMINATED)
    assert rows[100] == (17.5, 0, 103, True)


def test_episodes_of_one_row() -> None:
    buffer = numbered_buffer(8, n_step=4, gamma=0.5)
    for t in range(3):
        add(buffer, 10 * t, t, TRUNCATED)
    assert windows(buffer) == {10 * t: (t, 0.5, 10 * t + 1, False) for t in range(3)}


def test_the_rows_of_another_environment_are_in_no_window() -> None:
    buffer = numbered_buffer(8, num_envs=2, n_step=2, gamma=1.0)
    flags = np.zeros((3, 2), bool)
    obs = np.array([[0, 100], [1, 101], [2, 102]])
    buffer.extend(obs, obs, [[1, 1000]] * 3, obs + 1, flags, flags)
    assert windows(buffer) == {
        0: (2, 1, 2, False), 1: (2, 1, 3, False), 2: (1, 1, 3, False),
        100: (2000, 1, 102, False), 101: (2000, 1, 103, False), 102: (1000, 1, 103, False),
    }  # fmt: skip


def test_each_environment_ends_and_lags_for_itself() -> None:
    buffer = numbered_buffer(12, num_envs=3, n_step=2, gamma=0.5)
    add_steps(buffer, 200, [4, 4, 4], env_ids=[2])
    buffer.add([100, 0], [0, 0], [2, 1], [101, 1], [True, False], [False, False], env_ids=[1, 0])
    add(buffer, 150, 8, env_ids=[1])
    add(buffer, 1, 16, env_ids=[0])
    assert windows(buffer) == {
        0: (9, 0.25, 2, False),
        1: (16, 0.5, 2, False),
        100: (2, 0, 101, True),
        150: (8, 0.5, 151, False),
        200: (6, 0.25, 202, False),
        201: (6, 0.25, 203, False),
        202: (4, 0.5, 203, False),
    }


def test_a_cut_ends_windows_without_any_flag() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=0.5)
    add_steps(buffer, 0, [1, 2])
    buffer.end_episode()
    add_steps(buffer, 100, [64, 64])
    assert windows(buffer) == {
        0: (2, 0.25, 2, False),
        1: (2, 0.5, 2, False),
        100: (96, 0.25, 102, False),
        101: (64, 0.5, 102, False),
    }
    assert not any(row["truncated"] for row in draw_all(buffer).values())


def test_a_cut_is_of_the_named_environments_only() -> None:
    buffer = numbered_buffer(8, num_envs=2, n_step=2, gamma=1.0)
    for env, start in enumerate((0, 100)):
        add_steps(buffer, start, [1, 1], env_ids=[env])
    buffer.end_episode(env_ids=[1])
    for env, start in enumerate((2, 102)):
        add_steps(buffer, start, [1], env_ids=[env])
    rewards = {obs: row[0] for obs, row in windows(buffer).items()}
    assert rewards == {0: 2, 1: 2, 2: 1, 100: 2, 101: 1, 102: 1}


def test_cutting_where_there_is_nothing_to_cut_changes_nothing() -> None:
    buffer = numbered_buffer(8, n_step=2, gamma=1.0)
    buffer.end_episode()
    add_steps(buffer, 0, [1, 1], TERMINATED)
    buffer.end_episode()
    buffer.end_episode()
    add_steps(buffer, 100, [1, 1])
    assert [row[0] for row in windows(buffer).values()] == [2, 1, 2, 1]


def test_a_break_in_the_stream_is_no_boundary() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=1.0)
    add_steps(buffer, 0, [1, 2])
    add_steps(buffer, 50, [4, 8])  # nobody said that an episode ended
    assert windows(buffer) == {
        0: (7, 1, 51, False), 1: (14, 1, 52, False), 50: (12, 1, 52, False), 51: (8, 1, 52, False),
    }  # fmt: skip


def test_cleared_rows_are_in_no_window() -> None:
    buffer = numbered_buffer(4, n_step=4, gamma=1.0)
    add_steps(buffer, 0, [100] * 6)
    buffer.clear()
    add_steps(buffer, 50, [1, 1])
    assert windows(buffer) == {50: (2, 1, 52, False), 51: (1, 1, 52, False)}


def test_all_but_the_outcome_is_the_first_row_s() -> None:
    buffer = numbered_buffer(8, n_step=3, extra_fields={"log_prob": SCALAR})
    for t in range(4):
        add(buffer, t, 1000 + t, log_prob=[-t])
    for index, row in draw_all(buffer).items():
        assert (row["index"], row["obs"], row["action"]) == (index, index, 10 * index)
        assert row["log_prob"] == -index
        assert row["next_obs"] == min(index + 3, 4)


def test_n_step_and_gamma_of_a_filled_buffer_change_at_once() -> None:
    buffer = numbered_buffer(8, gamma=0.5)
    add_steps(buffer, 0, [1, 2, 4, 8], TRUNCATED)
    assert windows(buffer)[0] == (1, 0.5, 1, False)
    buffer.n_step = 2
    assert windows(buffer)[0] == (2, 0.25, 2, False)
    buffer.gamma = 1.0
    assert windows(buffer)[0] == (3, 1, 2, False)
    buffer.n_step = 100
    assert windows(buffer)[0] == (15, 1, 4, False)
    buffer.gamma = 0.0
    assert windows(buffer)[0] == (1, 0, 4, False)
    assert (buffer.n_step, buffer.gamma) == (100, 0.0)


def test_one_reward_is_the_stored_one_bit_for_bit() -> None:
    odd = np.array([0x7F812345, 0xFFC00001, 0x80000000, 1], "uint32").view("float32")
    buffer = numbered_buffer(8, n_step=3)
    for t, reward in enumerate(odd):
        add(buffer, t, reward, TRUNCATED)
    rows = draw_all(buffer)
    assert [rows[t]["reward"].tobytes() for t in range(4)] == [bits.tobytes() for bits in odd]


def test_rewards_are_summed_in_double_and_rounded_once() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=1.0)
    add_steps(buffer, 0, [2.0**24, 1, 1])  # in float32, 2^24 + 1 is 2^24
    assert windows(buffer)[0][0] == 2.0**24 + 2


def test_discounts_are_multiplied_in_double_and_rounded_once() -> None:
    buffer = numbered_buffer(16, n_step=7, gamma=0.99)
    add_steps(buffer, 0, [0] * 7)
    power = 1.0
    for length in range(1, 8):
        power *= 0.99
        assert windows(buffer)[7 - length][1] == float(np.float32(power))


def test_a_window_ends_with_the_final_observation_in_every_mode() -> None:
    next_step, same_step = (
        numbered_buffer(8, n_step=2, gamma=0.5, autoreset=mode)
        for mode in ("next_step", "same_step")
    )
    for buffer in (next_step, same_step):
        add(buffer, 0, 1)
    next_step.add([1.0], [0], [2.0], [2.0], [False], [True])
    next_step.add([2.0], [0], [99.0], [100.0], [False], [False])  # the reset, not a transition
    final = np.array([2.0], "float32")
    same_step.add([1.0], [0], [2.0], [100.0], [False], [True], {"final_obs": final})
    for buffer in (next_step, same_step):
        add(buffer, 100, 4)
        assert windows(buffer) == {
            0: (2, 0.25, 2, False),
            1: (2, 0.5, 2, False),
            100: (4, 0.5, 101, False),
        }


def test_building_windows_leaves_what_is_stored_alone() -> None:
    buffer = numbered_buffer(8, n_step=3, gamma=0.5)
    add_steps(buffer, 0, [1, 2, 4, 8], TRUNCATED)
    for _ in range(3):
        buffer.sample(64).reward.fill(-1)
    buffer.n_step = 1
    assert [row[0] for row in windows(buffer).values()] == [1, 2, 4, 8]


@pytest.mark.parametrize("n_step", [0, -1, 1.5, "3", None, True])
def test_an_n_step_that_is_no_count_is_refused(n_step) -> None:
    buffer = numbered_buffer(8, n_step=2)
    with pytest.raises((ValueError, TypeError), match="n_step"):
        buffer.n_step = n_step
    assert buffer.n_step == 2
    with pytest.raises((ValueError, TypeError), match="n_step"):
        numbered_buffer(8, n_step=n_step)


@pytest.mark.parametrize("gamma", [-0.1, 1.1, float("nan"), float("inf"), "0.9"])
def test_a_gamma_that_is_no_discount_is_refused(gamma) -> None:
    buffer = numbered_buffer(8, gamma=0.5)
    with pytest.raises((ValueError, TypeError)):
        buffer.gamma = gamma
    assert buffer.gamma == 0.5
