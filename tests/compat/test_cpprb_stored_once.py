"""cpprb's next_of and stack_compress: what is stored once is what was added."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("cpprb")

from pair_cpprb import (
    SHARING,
    SIZE,
    STACK_ENV,
    assert_same,
    assert_same_rows,
    episode,
    pair,
    sharing_env,
)

from sharpwave.compat import cpprb as ours


@pytest.mark.parametrize("options", SHARING.values(), ids=SHARING)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_stored_once_is_what_cpprb_samples(options, seed) -> None:
    rng = np.random.default_rng(seed)
    theirs, mine = pair("ReplayBuffer", sharing_env(options), **options)
    for _ in range(12):
        for row in episode(rng, int(rng.integers(1, 9))):
            assert theirs.add(**row) == mine.add(**row)
            assert_same_but_for_the_last_successor(theirs, mine)
        theirs.on_episode_end()
        mine.on_episode_end()
        assert_same_but_for_the_last_successor(theirs, mine)


def assert_same_but_for_the_last_successor(theirs: Any, mine: Any) -> None:
    # cpprb loses that of the table's last row where an episode ends in its first rows
    rows = np.arange(min(mine.get_stored_size(), SIZE - 1))
    assert_same_rows(theirs._encode_sample(rows), mine._encode_sample(rows))
    last = mine.get_stored_size() - 1
    got, expected = (buffer._encode_sample([last]) for buffer in (mine, theirs))
    del got["next_obs"], expected["next_obs"]
    assert_same_rows(got, expected)


@pytest.mark.parametrize("options", SHARING.values(), ids=SHARING)
@pytest.mark.parametrize("seed", range(6))
def test_what_is_stored_once_is_what_was_added_whatever_that_was(options, seed) -> None:
    # episodes that nobody ended, rows of two environments in turn, batches, values of no stack
    rng = np.random.default_rng(seed)
    env = sharing_env(options)
    plain = ours.ReplayBuffer(SIZE, {**env, "next_obs": STACK_ENV["obs"]})
    sharing = ours.ReplayBuffer(SIZE, env, **options)
    for turn in range(40):
        rows = episode(rng, int(rng.integers(1, 7)))
        if turn % 3 == 1:
            rows = [row for two in zip(rows, episode(rng, len(rows)), strict=True) for row in two]
        if turn % 5 == 2:
            rows = [{**row, "obs": rng.integers(0, 3, (2, 3))} for row in rows]
        if turn % 2:
            batch = {name: np.array([row[name] for row in rows]) for name in rows[0]}
            rows = [batch]
        for row in rows:
            assert plain.add(**row) == sharing.add(**row)
            assert_same(plain, sharing)
        if turn == 25:
            plain.clear()
            sharing.clear()


def test_little_is_kept_aside() -> None:
    rng = np.random.default_rng(0)
    buffer = ours.ReplayBuffer(200, STACK_ENV, **SHARING["both"])
    for _ in range(30):
        for row in episode(rng, 50):
            buffer.add(**row)
    (column,) = buffer._overlapping
    assert len(column.successors) <= 200 // 50 + 2
    assert len(column.stacks) <= (200 // 50 + 1) * 2
