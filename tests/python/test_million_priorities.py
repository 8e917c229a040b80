"""A million priorities over nine powers of ten, many of them zero: drawn as often as they should be."""

from __future__ import annotations

import os

import numpy as np
import pytest
from helpers import chi_square_p

import sharpwave as sw

ROWS = 1_000_000
GROUPS = 500
DRAWS = int(os.environ.get("SHARPWAVE_TEST_DRAWS", "1000000"))
LEVEL = 1e-6 / 3  # three p-values are looked at


def million(rng: np.random.Generator) -> np.ndarray:
    errors = (10.0 ** rng.uniform(-6, 3, ROWS)).astype(np.float32)
    errors[rng.random(ROWS) < 0.4] = 0
    return errors


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """The errors, which are the priorities, and how often each row was drawn."""
    errors = million(np.random.default_rng(11))
    buffer = sw.ReplayBuffer(
        ROWS,
        observation_space=sw.Field((), "int8"),
        action_space=sw.Field((), "int8"),
        sampler=sw.Prioritized(alpha=1.0, eps=0.0),
        seed=5,
    )
    zeros, flags = np.zeros(ROWS, "int8"), np.zeros(ROWS, bool)
    buffer.extend(zeros, zeros, zeros, zeros, flags, flags)
    buffer.update_priorities(np.arange(ROWS), np.flip(errors))  # what is replaced leaves no trace
    buffer.update_priorities(np.arange(ROWS), errors)
    counts = np.zeros(ROWS, np.int64)
    for _ in range(DRAWS // 1000):
        np.add.at(counts, buffer.sample(1000).index, 1)
    return errors, counts


def p_of_groups(counts: np.ndarray, shares: np.ndarray, group: np.ndarray) -> float:
    """Chi-square over groups of rows; strata make counts closer to their shares than chance."""
    expected = np.bincount(group, shares / shares.sum() * counts.sum(), GROUPS)
    seen = np.bincount(group, counts, GROUPS)
    assert expected.min() > 20
    return chi_square_p(seen, expected)


def groupings(errors: np.ndarray) -> dict[str, np.ndarray]:
    order = np.argsort(errors, kind="stable")
    mass = np.cumsum(errors[order].astype(np.float64))
    by_size = np.empty(ROWS, np.int64)
    by_size[order] = np.minimum(mass / mass[-1] * GROUPS, GROUPS - 1)
    return {
        "by size": by_size,
        "neighbours": np.arange(ROWS) * GROUPS // ROWS,
        "by place in a line": np.arange(ROWS) % GROUPS,
    }


def test_no_row_of_priority_zero_is_ever_drawn(drawn) -> None:
    errors, counts = drawn
    assert counts.sum() >= DRAWS // 1000 * 1000
    assert counts[errors == 0].sum() == 0


@pytest.mark.parametrize("grouped", ["by size", "neighbours", "by place in a line"])
def test_rows_are_drawn_in_proportion_to_their_priority(drawn, grouped) -> None:
    errors, counts = drawn
    assert p_of_groups(counts, errors.astype(np.float64), groupings(errors)[grouped]) > LEVEL


def test_the_statistic_rejects_shares_that_are_a_little_wrong(drawn) -> None:
    errors, counts = drawn
    wrong = errors.astype(np.float64) ** 0.98
    assert p_of_groups(counts, wrong, groupings(errors)["by size"]) < LEVEL
