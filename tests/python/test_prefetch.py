"""prefetch(): the batches of sample(), drawn ahead by a thread that never outstays its welcome."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import fill, numbered_buffer
from model import same_bits

import sharpwave as sw

SAMPLERS = [sw.Uniform(), sw.Prioritized(), sw.WithoutReplacement(), sw.Recency(min_rows=5)]


def filled(**options: Any) -> sw.ReplayBuffer:
    buffer = numbered_buffer(50, seed=3, **options)
    fill(buffer, range(70))
    return buffer


def same(left: sw.Batch, right: sw.Batch) -> bool:
    names = left.keys()
    return names == right.keys() and all(same_bits(left[name], right[name]) for name in names)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_the_stream_is_that_of_sample(sampler, depth) -> None:
    buffer, twin = (filled(sampler=sampler, n_step=3) for _ in range(2))
    with buffer.prefetch(16, depth) as batches:
        for _ in range(30):
            assert same(next(batches), twin.sample(16))


def test_the_stream_of_sequences_is_that_of_sample_sequences() -> None:
    buffer, twin = filled(), filled()
    with buffer.prefetch(4, length=5, burn_in=2, period=3) as batches:
        for _ in range(20):
            assert same(next(batches), twin.sample_sequences(4, 5, burn_in=2, period=3))


def goal_buffer(reward: Any) -> sw.ReplayBuffer:
    goal = sw.Field((), "float32")
    buffer = sw.ReplayBuffer(
        50,
        observation_space={"achieved_goal": goal, "desired_goal": goal},
        action_space=sw.Field(),
        hindsight=sw.Hindsight(k=4, reward=reward),
        seed=1,
    )
    for t in range(40):
        obs = {"achieved_goal": float(t), "desired_goal": -1.0}
        successor = {"achieved_goal": float(t + 1), "desired_goal": -1.0}
        buffer.add(obs, 0.0, -5.0, successor, False, t % 10 == 9)
    return buffer


def test_relabelled_rewards_are_asked_for_on_the_thread_of_next() -> None:
    threads = set()

    def reward(achieved, desired, info):
        threads.add(threading.current_thread())
        return (achieved == desired).astype("float32")

    buffer, twin = goal_buffer(reward), goal_buffer(reward)
    with buffer.prefetch(16) as batches:
        for _ in range(20):
            batch, expected = next(batches), twin.sample(16)
            assert same_bits(batch.reward, expected.reward)
            assert same_bits(batch.obs["desired_goal"], expected.obs["desired_goal"])
    assert threads == {threading.current_thread()}


def test_an_error_of_the_reward_function_reaches_next_and_the_following_batch_comes() -> None:
    is_broken = True

    def reward(achieved, desired, info):
        if is_broken:
            raise ZeroDivisionError("broken")
        return np.zeros(len(achieved))

    batches = goal_buffer(reward).prefetch(16)
    with pytest.raises(ZeroDivisionError):
        next(batches)
    is_broken = False
    assert len(next(batches)) == 16


def test_an_empty_buffer_is_an_error_until_rows_are_added() -> None:
    buffer = numbered_buffer(10)
    batches = buffer.prefetch(4)
    for _ in range(2):
        with pytest.raises(ValueError, match="the buffer is empty"):
            next(batches)
    for _ in range(200):  # the thread may be drawing at any moment of this
        fill(buffer, [1])
        assert len(next(batches)) == 4
        buffer.clear()
        with pytest.raises(ValueError, match="the buffer is empty"):
            [next(batches) for _ in range(4)]


def test_a_batch_that_is_held_never_changes() -> None:
    buffer = filled()
    with buffer.prefetch(8) as batches:
        held = [next(batches) for _ in range(50)]
        copies = [{name: batch[name].copy() for name in batch.keys()} for batch in held]  # noqa: SIM118
        for _ in range(100):
            next(batches)
            fill(buffer, [9])
    for batch, copy in zip(held, copies, strict=True):
        assert all(same_bits(batch[name], copy[name]) for name in copy)


def test_beta_is_seen_by_draws_that_begin_after_the_next_call() -> None:
    buffer = filled(sampler=sw.Prioritized(beta=1.0))
    batches = buffer.prefetch(8, 2)
    buffer.update_priorities(np.arange(30, 70), np.linspace(0.1, 5.0, 40))
    for _ in range(4):
        next(batches)
    assert (next(batches).weight < 1).any()
    time.sleep(0.5)  # two batches wait
    buffer.sampler.beta = 0.0
    drawn_before = [next(batches).weight, next(batches).weight]
    assert all((weight < 1).any() for weight in drawn_before)
    assert all((next(batches).weight == 1).all() for _ in range(3))


def test_priorities_of_rows_that_have_left_since_the_draw_are_let_be() -> None:
    buffer = filled(sampler=sw.Prioritized())
    with buffer.prefetch(8, 3) as batches:
        next(batches)
        fill(buffer, range(100, 150))
        for _ in range(3):
            batch = next(batches)
            buffer.update_priorities(batch.index, np.ones(8))
    assert buffer.sample(64).index.min() >= 70


def test_the_iterator_keeps_its_buffer() -> None:
    batches = filled().prefetch(8)
    gc.collect()
    assert len(next(batches)) == 8


def test_a_buffer_that_has_its_own_iterator_is_collected() -> None:
    buffer = filled()
    buffer.batches = buffer.prefetch(8)  # type: ignore[attr-defined]
    alive = weakref.ref(buffer)
    del buffer
    gc.collect()
    assert alive() is None


def threads_now() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_letting_go_closing_and_leaving_the_block_end_the_thread() -> None:
    before = threads_now()
    first, second = filled().prefetch(8), filled().prefetch(8)
    with filled().prefetch(8) as third:
        assert threads_now() == before + 3
        next(third)
    first.close()
    del second
    assert threads_now() == before


def test_a_closed_iterator_is_at_its_end() -> None:
    batches = filled().prefetch(8)
    batches.close()
    batches.close()
    assert list(batches) == []


def test_closing_ends_the_loop_of_another_thread() -> None:
    batches = filled().prefetch(8)
    taken = []

    def loop() -> None:
        taken.extend(len(batch) for batch in batches)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    time.sleep(0.05)
    batches.close()
    thread.join(10)
    assert not thread.is_alive()
    assert set(taken) == {8}


def test_threads_that_take_from_one_iterator_share_its_stream() -> None:
    buffer, twin = filled(), filled()
    batches = buffer.prefetch(8, 3)
    taken: list[list[int]] = []

    def take() -> None:
        taken.extend(next(batches).index.tolist() for _ in range(100))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(twin.sample(8).index.tolist() for _ in range(400))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 4, "depth": 0}, "depth"),
        ({"batch_size": 4, "depth": 1.5}, "depth"),
        ({"batch_size": 4, "length": 0}, "length"),
        ({"batch_size": 4, "length": 2, "burn_in": -1}, "burn_in"),
        ({"batch_size": 4, "length": 2, "period": 0}, "period"),
        ({"batch_size": 4, "burn_in": 2}, "pass length too"),
    ],
)
def test_an_argument_out_of_range_is_named(arguments, named) -> None:
    with pytest.raises(ValueError, match=named):
        filled().prefetch(**arguments)
