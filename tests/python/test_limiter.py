"""SamplesPerInsert: who waits, who may pass, and that nobody waits for ever."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import pytest

import sharpwave as sw


def passes(call: Callable[..., None], n: int = 1) -> bool:
    try:
        call(n, timeout=0)
    except TimeoutError:
        return False
    return True


def test_nothing_is_sampled_before_min_size_and_inserting_is_free() -> None:
    limiter = sw.SamplesPerInsert(1.0, min_size=3, error_buffer=1.0)
    assert not limiter.can_sample()
    assert [passes(limiter.sample), passes(limiter.insert), passes(limiter.insert)] == [0, 1, 1]
    assert not passes(limiter.sample)
    assert passes(limiter.insert)
    assert passes(limiter.sample)


def test_the_allowed_calls_are_those_of_reverb() -> None:
    """Worked out by rate_limiter.cc: ratio 2, 3 rows first, error 4: diff from 2 to 10."""
    limiter = sw.SamplesPerInsert(2.0, min_size=3, error_buffer=4.0)
    limiter.insert(3)  # diff 6
    assert [passes(limiter.insert) for _ in range(3)] == [True, True, False]  # 8, 10
    assert [passes(limiter.sample) for _ in range(9)] == [True] * 8 + [False]  # 9 .. 2
    assert [passes(limiter.insert) for _ in range(5)] == [True] * 4 + [False]  # 4 .. 10
    assert (limiter.inserts, limiter.samples) == (9, 8)


def test_a_call_for_many_rows_passes_as_a_whole_or_not_at_all() -> None:
    limiter = sw.SamplesPerInsert(1.0, min_size=10, error_buffer=8.0)
    limiter.insert(10)
    assert passes(limiter.sample, 8)
    assert not passes(limiter.sample, 2)
    assert limiter.samples == 8
    limiter.insert(2)
    assert passes(limiter.sample, 2)


@pytest.mark.parametrize("insert", [1, 3, 8])
def test_the_call_that_passes_min_size_is_free_and_sampling_can_begin(insert) -> None:
    limiter = sw.SamplesPerInsert(2.0, min_size=7, error_buffer=9.0)
    while limiter.inserts < 7:
        assert passes(limiter.insert, insert)
    assert passes(limiter.sample, 2)


def test_a_call_that_could_wait_for_ever_is_refused() -> None:
    limiter = sw.SamplesPerInsert(4.0, min_size=100, error_buffer=34.0)
    with pytest.raises(ValueError, match="wait for ever"):
        limiter.sample(65)
    limiter.insert(100)
    limiter.sample(32)
    with pytest.raises(ValueError, match="wait for ever"):
        limiter.insert(10)
    limiter.insert(9)


def test_two_threads_keep_the_ratio_and_neither_starves() -> None:
    limiter = sw.SamplesPerInsert(4.0, min_size=50, error_buffer=40.0)
    leads = []

    def insert() -> None:
        with contextlib.suppress(RuntimeError):  # closed
            for _ in range(2000):
                limiter.insert(2)

    def sample() -> None:
        for _ in range(450):
            limiter.sample(32)
            leads.append(4.0 * (limiter.inserts - 50) - limiter.samples)

    threads = [threading.Thread(target=body, daemon=True) for body in (insert, sample)]
    for thread in threads:
        thread.start()
    threads[1].join(20)
    assert not threads[1].is_alive(), "the sampler hangs"
    assert limiter.samples == 450 * 32
    # Read without a lock: the other thread may have made a call in between.
    assert min(leads) >= -40 and max(leads) <= 40 + 8
    limiter.close()
    threads[0].join(20)
    assert not threads[0].is_alive()


def test_closing_wakes_everybody_with_an_error() -> None:
    limiter = sw.SamplesPerInsert(1.0, min_size=5, error_buffer=1.0)
    errors: list[str] = []

    def wait() -> None:
        try:
            limiter.sample()
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    limiter.close()
    for thread in threads:
        thread.join(10)
    assert errors == ["the limiter is closed"] * 3
    with pytest.raises(RuntimeError, match="closed"):
        limiter.insert()


def test_a_timeout_is_an_error_and_counts_nothing() -> None:
    limiter = sw.SamplesPerInsert(1.0, min_size=1, error_buffer=1.0)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"sample: not allowed within 0\.05 seconds"):
        limiter.sample(timeout=0.05)
    assert time.monotonic() - start >= 0.05
    assert limiter.samples == 0


@pytest.mark.parametrize(
    ("ratio", "min_size", "error_buffer", "named"),
    [
        (0, 1, 1, "ratio"),
        (float("nan"), 1, 1, "ratio"),
        (1, 0, 1, "min_size"),
        (1, 1.5, 1, "min_size"),
        (1, 1, 0.5, "error_buffer"),
        (4, 1, 3, "error_buffer"),
        (1, 1, float("nan"), "error_buffer"),
    ],
)
def test_numbers_out_of_range_are_named(ratio, min_size, error_buffer, named) -> None:
    with pytest.raises(ValueError, match=named):
        sw.SamplesPerInsert(ratio, min_size=min_size, error_buffer=error_buffer)


@pytest.mark.parametrize("n", [0, -1, 1.5, True, None])
def test_rows_are_a_positive_integer(n) -> None:
    limiter = sw.SamplesPerInsert(1.0, min_size=1, error_buffer=1.0)
    for call in (limiter.insert, limiter.sample, limiter.can_insert, limiter.can_sample):
        with pytest.raises(ValueError, match="n: expected"):
            call(n)
