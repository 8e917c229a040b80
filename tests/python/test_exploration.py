"""The chance of a random action, as a function of the steps taken."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from sharpwave.agents import linear


def test_the_line_goes_from_start_to_end_and_stays_there() -> None:
    values = [linear(step, 1.0, 0.1, 900) for step in (0, 300, 450, 900, 901, 10**9)]
    assert values == pytest.approx([1.0, 0.7, 0.55, 0.1, 0.1, 0.1])


def test_the_last_value_is_met_exactly() -> None:
    assert linear(7, 1.0, 0.05, 7) == 0.05


def test_nothing_is_divided_by_a_duration_of_zero() -> None:
    assert linear(0, 1.0, 0.05, 0) == 0.05
    assert linear(0, 1.0, 0.05, 0.2) == 1.0


def test_a_line_may_rise_or_stand_still() -> None:
    assert linear(50, 0.0, 1.0, 100) == 0.5
    assert linear(50, 0.3, 0.3, 100) == 0.3
