"""Stacks of frames come back as they went in, whatever of them is stored only once.

A frame is a number here; an observation is the last three of them: [0, 0, 0], [0, 0, 1], [0, 1, 2].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers import NUMBER, SCALAR, draw_all

import sharpwave as sw

RUNNING, TERMINATED, TRUNCATED = (False, False), (True, False), (False, True)
PADDINGS = {"repeat": [1, 1], "zeros": [0, 0], "junk": [77, 55]}


def stack_buffer(capacity: int, k: int = 3, **options: Any) -> sw.ReplayBuffer:
    space = sw.Field((k,), "int32")
    return sw.ReplayBuffer(
        capacity, observation_space=space, action_space=NUMBER, frame_stack=k, **options
    )


def stacks(frames: list[int], padding: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Each observation of an episode of these frames, and the one after it."""
    k = len(padding) + 1
    padded = padding + frames
    for t in range(len(frames) - 1):
        yield padded[t : t + k], padded[t + 1 : t + 1 + k]


def add_episode(buffer: Any, frames: list[int], end=RUNNING, padding=None, **options: Any) -> None:
    """One row fewer than there are frames; the last ends so."""
    padding = [frames[0]] * 2 if padding is None else padding
    for t, (obs, next_obs) in enumerate(stacks(frames, padding)):
        last = end if t == len(frames) - 2 else RUNNING
        buffer.add([obs], [t], [1.0], [next_obs], [last[0]], [last[1]], **options)


def contents(buffer: sw.ReplayBuffer) -> list[tuple[list[int], list[int]]]:
    rows = draw_all(buffer)
    return [(rows[i]["obs"].tolist(), rows[i]["next_obs"].tolist()) for i in sorted(rows)]


def test_a_stack_has_its_own_frames_in_their_order() -> None:
    buffer = stack_buffer(8, k=4)
    add_episode(buffer, [1, 2, 3, 4, 5], padding=[0, 0, 0])
    assert contents(buffer) == [
        ([0, 0, 0, 1], [0, 0, 1, 2]),
        ([0, 0, 1, 2], [0, 1, 2, 3]),
        ([0, 1, 2, 3], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [2, 3, 4, 5]),
    ]


@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
def test_any_padding_comes_back(padding) -> None:
    buffer = stack_buffer(8)
    add_episode(buffer, [1, 2, 3, 4], padding=padding)
    a, b = padding
    assert contents(buffer) == [
        ([a, b, 1], [b, 1, 2]),
        ([b, 1, 2], [1, 2, 3]),
        ([1, 2, 3], [2, 3, 4]),
    ]


@pytest.mark.parametrize("end", [TERMINATED, TRUNCATED])
def test_the_final_stack_is_kept_and_the_next_episode_begins_anew(end) -> None:
    buffer = stack_buffer(8)
    add_episode(buffer, [1, 2, 3], end)
    add_episode(buffer, [11, 12, 13], end)
    assert contents(buffer) == [
        ([1, 1, 1], [1, 1, 2]),
        ([1, 1, 2], [1, 2, 3]),
        ([11, 11, 11], [11, 11, 12]),
        ([11, 11, 12], [11, 12, 13]),
    ]


def test_a_cut_and_a_reset_that_nobody_mentioned_keep_both_sides() -> None:
    for tell in (True, False):
        buffer = stack_buffer(8)
        add_episode(buffer, [1, 2, 3])
        if tell:
            buffer.end_episode()
        add_episode(buffer, [11, 12], padding=[0, 0])
        assert contents(buffer)[1:] == [([1, 1, 2], [1, 2, 3]), ([0, 0, 11], [0, 11, 12])]


def test_episodes_shorter_than_the_stack() -> None:
    buffer = stack_buffer(9, k=4)
    for length in (1, 2, 5):
        frames = [10 * length + t for t in range(length + 1)]
        add_episode(buffer, frames, TERMINATED, padding=[frames[0]] * 3)
    assert contents(buffer) == [
        ([10, 10, 10, 10], [10, 10, 10, 11]),
        ([20, 20, 20, 20], [20, 20, 20, 21]),
        ([20, 20, 20, 21], [20, 20, 21, 22]),
        ([50, 50, 50, 50], [50, 50, 50, 51]),
        ([50, 50, 50, 51], [50, 50, 51, 52]),
        ([50, 50, 51, 52], [50, 51, 52, 53]),
        ([50, 51, 52, 53], [51, 52, 53, 54]),
        ([51, 52, 53, 54], [52, 53, 54, 55]),
    ]


def test_a_full_ring_keeps_the_frames_that_its_oldest_rows_still_need() -> None:
    """The oldest row's stack holds frames of rows that have been overwritten."""
    buffer = stack_buffer(4)
    for t in range(30):
        buffer.add([[t, t + 1, t + 2]], [t], [0.0], [[t + 1, t + 2, t + 3]], [False], [False])
        first = max(0, t - 3)
        assert contents(buffer) == [
            ([i, i + 1, i + 2], [i + 1, i + 2, i + 3]) for i in range(first, t + 1)
        ]


@pytest.mark.parametrize("capacity", [1, 2, 3, 5])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_stored_once_or_twice_looks_the_same_after_every_row(capacity, k) -> None:
    plain = sw.ReplayBuffer(
        capacity, observation_space=sw.Field((k,), "int32"), action_space=NUMBER
    )
    once = stack_buffer(capacity, k)
    for length in (1, 2, 5, 1, 3, 9, 2):
        for t, (obs, next_obs) in enumerate(stacks(list(range(length + 1)), [0] * (k - 1))):
            for buffer in (plain, once):
                buffer.add(obs, t, 0.0, next_obs, t + 1 == length, False)
            assert contents(once) == contents(plain)


def test_a_frame_that_changes_afterwards_changes_only_the_stacks_that_show_it() -> None:
    buffer = stack_buffer(8)
    rows = [
        ([1, 2, 3], [2, 3, 4]),
        ([2, 99, 4], [2, 3, 5]),  # a frame in the middle of obs, and of next_obs, is another
        ([2, 3, 5], [3, 5, 6]),
        ([3, 5, -6], [5, 6, 7]),  # the newest frame is another
        ([88, 6, 7], [6, 7, 8]),  # the oldest frame is another
        ([7, 8, 6], [6, 7, 8]),  # the same frames in another order
        ([6, 7, 8], [6, 7, 8]),  # nothing moves
    ]
    for obs, next_obs in rows:
        buffer.add(obs, 0, 0.0, next_obs, False, False)
    assert contents(buffer) == rows


@pytest.mark.parametrize("capacity", [2, 7])
def test_a_stream_that_shares_no_frame_is_kept_whole(capacity) -> None:
    rng = np.random.default_rng(0)
    rows = [tuple(rng.integers(0, 99, (2, 4)).tolist()) for _ in range(20)]
    buffer = stack_buffer(capacity, k=4)
    for t, (obs, next_obs) in enumerate(rows):
        buffer.add(obs, 0, 0.0, next_obs, t % 3 == 0, t % 5 == 0)
        assert contents(buffer) == rows[max(0, t + 1 - capacity) : t + 1]


@pytest.mark.parametrize(
    ("this", "other"), [(0.0, -0.0), (1.0, 1.0000001), (np.nan, -np.nan), (np.inf, -np.inf)]
)
def test_frames_that_only_look_alike_are_two(this, other) -> None:
    buffer = sw.ReplayBuffer(
        8, observation_space=sw.Field((2, 1), "float32"), action_space=NUMBER, frame_stack=2
    )
    buffer.add([[5.0], [6.0]], 0, 0.0, [[6.0], [this]], False, False)
    buffer.add([[6.0], [other]], 0, 0.0, [[other], [7.0]], False, False)
    rows = draw_all(buffer)
    assert rows[0]["next_obs"][1].tobytes() == np.float32(this).tobytes()
    assert rows[1]["obs"][1].tobytes() == np.float32(other).tobytes()


def test_each_environment_has_its_own_frames() -> None:
    buffer = stack_buffer(9, num_envs=3)
    for t in range(7):
        for env in (2, 0) if t % 2 else (1, 2, 0):
            f = 100 * env + t
            row = [[f, f + 1, f + 2]], [t], [0.0], [[f + 1, f + 2, f + 3]], [False], [False]
            buffer.add(*row, env_ids=[env])
    expected = {0: [4, 5, 6], 1: [102, 104, 106], 2: [204, 205, 206]}
    for index, row in sorted(draw_all(buffer).items()):
        first = expected[index % 3].pop(0)
        assert row["obs"].tolist() == [first, first + 1, first + 2]
        assert row["next_obs"].tolist() == [first + 1, first + 2, first + 3]


def test_windows_of_stacks_end_with_the_stack_behind_the_window() -> None:
    buffer = stack_buffer(8, n_step=2, gamma=1.0)
    add_episode(buffer, [1, 2, 3, 4], TRUNCATED)
    add_episode(buffer, [11, 12, 13])
    assert contents(buffer) == [
        ([1, 1, 1], [1, 2, 3]),
        ([1, 1, 2], [2, 3, 4]),
        ([1, 2, 3], [2, 3, 4]),
        ([11, 11, 11], [11, 12, 13]),
        ([11, 11, 12], [11, 12, 13]),
    ]


def test_a_stacked_leaf_among_others() -> None:
    space = {
        "lidar": sw.Field((5, 2), "float32"),  # no stack: five is not two
        "camera": sw.Field((2, 1, 3), "uint8"),
        "pair": sw.Field((2,), "int64"),  # no stack: one axis, among other leaves
        "speed": SCALAR,
    }

    def obs(t: int) -> dict[str, Any]:
        camera = [[[t, 0, 1]], [[t + 1, 0, 1]]]
        return {"lidar": np.full((5, 2), t), "camera": camera, "pair": [t, -t], "speed": t / 2}

    buffer = sw.ReplayBuffer(3, observation_space=space, action_space=NUMBER, frame_stack=2)
    for t in range(10):
        buffer.add(obs(t), t, 0.0, obs(t + 1), False, False)
    rows = draw_all(buffer)
    assert sorted(rows) == [7, 8, 9]
    for t, row in rows.items():
        for name, part in obs(t).items():
            np.testing.assert_array_equal(row["obs"][name], part)
            np.testing.assert_array_equal(row["next_obs"][name], obs(t + 1)[name])


@pytest.mark.parametrize("envs", [1, 8])
def test_a_stack_of_four_costs_one_frame_a_row(envs) -> None:
    rng = np.random.default_rng(0)
    buffer = sw.ReplayBuffer(
        2000,
        observation_space=sw.Field((4, 84, 84), "uint8"),
        action_space=NUMBER,
        num_envs=envs,
        frame_stack=4,
    )
    frames = rng.integers(0, 256, (260, 84, 84)).astype("uint8")
    flags = np.zeros(envs, bool)
    for t in range(3000 // envs):
        now = np.arange(t, t + 5) % 256
        obs, after = (np.stack([frames[at]] * envs) for at in (now[:4], now[1:]))
        end = flags | (t % 250 == 249)
        buffer.add(obs, flags, flags, after, end & (t % 500 > 250), end)
    assert 84 * 84 * 2000 <= buffer.nbytes <= 1.15 * 84 * 84 * 2000


@pytest.mark.parametrize("frame_stack", [0, -1, 2, 1.5, "3", True])
def test_a_frame_stack_that_fits_no_leaf_is_refused(frame_stack) -> None:
    with pytest.raises((ValueError, TypeError), match="frame_stack"):
        sw.ReplayBuffer(
            8,
            observation_space=sw.Field((3, 4), "uint8"),
            action_space=NUMBER,
            frame_stack=frame_stack,
        )
