"""What is due when a step counter moves on."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from sharpwave.training.schedule import Every


def dues(every: Every, steps) -> list[int]:
    return [step for step in steps for _ in range(every.due(step))]


def test_one_step_at_a_time_it_is_due_at_the_multiples() -> None:
    assert dues(Every(25), range(1, 101)) == [25, 50, 75, 100]


def test_nothing_is_due_before_the_start() -> None:
    assert dues(Every(10, start=25), range(1, 61)) == [30, 40, 50, 60]
    assert dues(Every(10, start=30), range(1, 61)) == [30, 40, 50, 60]


@pytest.mark.parametrize("stride", [1, 3, 7, 10, 16])
def test_as_much_is_due_in_strides_as_step_by_step(stride) -> None:
    every = Every(10, start=25)
    steps = range(stride, 1000, stride)
    assert len(dues(every, steps)) == len(dues(Every(10, start=25), range(1, steps[-1] + 1)))


def test_an_interval_of_zero_is_never_due() -> None:
    assert dues(Every(0), range(1, 100)) == []
