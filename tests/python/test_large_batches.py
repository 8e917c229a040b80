"""Batches larger than a cache are written past it, and hold what was added all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import sharpwave as sw

ROWS, SIDE = 400, 84
ACTION = sw.Field((), np.int64)
ENDS = (99, 100, 250)  # the last rows of three episodes
CACHED = 8 << 20  # bytes of a batch from which on it is streamed


@pytest.fixture(scope="module")
def frames() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, ROWS, SIDE, SIDE), np.uint8)


def terminated() -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(ROWS), ENDS)


def successors(obs: npt.NDArray[Any], final: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The next row's observation; behind an episode's last row, one that is seen nowhere else."""
    last = terminated()
    last[-1] = True
    following = np.concatenate([obs[1:], final[-1:]])
    following[last] = final[last]
    return following


def filled(obs: npt.NDArray[Any], next_obs: npt.NDArray[Any], **options: Any) -> sw.ReplayBuffer:
    space = sw.Field(obs.shape[1:], np.uint8)
    buffer = sw.ReplayBuffer(ROWS, observation_space=space, action_space=ACTION, seed=0, **options)
    nothing = np.zeros(ROWS, np.int64)
    buffer.extend(obs, nothing, np.zeros(ROWS), next_obs, terminated(), np.zeros(ROWS, bool))
    return buffer


def test_a_large_batch_of_stacks_is_bit_for_bit_what_was_added(frames: Any) -> None:
    at = np.maximum(0, np.arange(ROWS)[:, None] + np.arange(-3, 1))
    obs = frames[0][at]
    next_obs = successors(obs, frames[1][at])
    batch = filled(obs, next_obs, frame_stack=4).sample(256)
    assert batch.obs.nbytes + batch.next_obs.nbytes > CACHED
    np.testing.assert_array_equal(batch.obs, obs[batch.index])
    np.testing.assert_array_equal(batch.next_obs, next_obs[batch.index])


def test_large_sequences_are_bit_for_bit_what_was_added_and_zeros_behind_it(frames: Any) -> None:
    obs, next_obs = frames[0], successors(frames[0], frames[1])
    buffer = filled(obs, next_obs)
    for _ in range(3):  # the second and third into memory that was used before
        batch = buffer.sample_sequences(16, 64)
        assert batch.obs.nbytes + batch.next_obs.nbytes > CACHED
        assert not batch.mask.all()
        for out, stored in ((batch.obs, obs), (batch.next_obs, next_obs)):
            expected = np.where(batch.mask[..., None, None], stored[batch.index], 0)
            np.testing.assert_array_equal(out, expected)


def test_a_large_batch_that_is_held_is_not_written_again(frames: Any) -> None:
    buffer = filled(frames[0], successors(frames[0], frames[1]))
    held = [buffer.sample(640) for _ in range(6)]
    copies = [(batch.obs.copy(), batch.next_obs.copy()) for batch in held]
    for _ in range(6):
        buffer.sample(640)
    for batch, (obs, next_obs) in zip(held, copies, strict=True):
        np.testing.assert_array_equal(batch.obs, obs)
        np.testing.assert_array_equal(batch.next_obs, next_obs)
