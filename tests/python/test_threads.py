"""Threads may add, sample and let go at once; no row is torn and nothing hangs."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from helpers import fill, numbered_buffer

import sharpwave as sw

SECONDS = float(os.environ.get("SHARPWAVE_TEST_SECONDS", "1"))
SECONDS_OF_IMAGES = float(os.environ.get("SHARPWAVE_TEST_SECONDS", "2"))
WIDTH = 500


def stamped_buffer(num_envs: int = 1) -> sw.ReplayBuffer:
    return sw.ReplayBuffer(
        64 * num_envs,
        observation_space={"wide": sw.Field((WIDTH,), "int64"), "narrow": sw.Field((), "int64")},
        action_space=sw.Field((3,), "int64"),
        num_envs=num_envs,
        extra_fields={"stamp": sw.Field((), "int64")},
    )


def stamped(t: int) -> dict[str, object]:
    def obs(stamp: int) -> dict[str, np.ndarray]:
        return {"wide": np.full(WIDTH, stamp), "narrow": np.array(stamp)}

    return {
        "obs": obs(t),
        "action": np.full(3, t),
        "reward": float(t % 1000),
        "next_obs": obs(t + 1),
        "terminated": t % 3 == 0,
        "truncated": False,
        "stamp": t,
    }


def torn(batch: sw.Batch) -> int:
    """How many rows have a field that belongs to another transition."""
    t = batch.stamp
    whole = (batch.obs["wide"] == t[:, None]).all(1) & (batch.obs["narrow"] == t)
    whole &= (batch.next_obs["wide"] == t[:, None] + 1).all(1) & (batch.next_obs["narrow"] == t + 1)
    whole &= (batch.action == t[:, None]).all(1) & (batch.reward == t % 1000)
    whole &= (batch.terminated == (t % 3 == 0)) & ((batch.discount == 0) == batch.terminated)
    return int((~whole).sum())


def run_together(*bodies: Callable[[], None], seconds: float = SECONDS) -> None:
    """Each body again and again, at once, for so long; what one raises is raised here."""
    stop, errors = threading.Event(), []

    def loop(body: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                body()
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=loop, args=(body,), daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def test_no_row_is_torn_while_rows_are_added() -> None:
    buffer = stamped_buffer()
    buffer.add(**stamped(0))
    count, rows = iter(range(1, 10**9)), [0]

    def add() -> None:
        buffer.add(**stamped(next(count)))

    def sample() -> None:
        batch = buffer.sample(64)
        assert torn(batch) == 0
        rows[0] += len(batch)

    run_together(add, sample, sample)
    assert rows[0] > 1000
    assert next(count) > 100


IMAGE = 84 * 84 // 8  # as int64


def image(stamp: int) -> np.ndarray:
    return np.full(IMAGE, stamp).view("uint8").reshape(84, 84)


def torn_images(batch: sw.Batch) -> int:
    t = batch.stamp
    stamps = [images.reshape(len(t), -1).view("int64") for images in (batch.obs, batch.next_obs)]
    whole = (stamps[0] == t[:, None]).all(1) & (stamps[1] == t[:, None] + 1).all(1)
    whole &= (batch.action == t) & (batch.reward == t % 1000) & (batch.index == t)
    whole &= (batch.terminated == (t % 7 == 0)) & (batch.truncated == (t % 5 == 0))
    whole &= (batch.discount == 0) == batch.terminated
    return int((~whole).sum())


def add_image(buffer: sw.ReplayBuffer, t: int) -> None:
    buffer.add(image(t), t, t % 1000, image(t + 1), t % 7 == 0, t % 5 == 0, stamp=t)


def test_one_writer_and_four_samplers_of_images_meet_no_torn_row() -> None:
    """With SHARPWAVE_TEST_SECONDS=60 for a minute; -s shows how many rows were looked at."""
    number = sw.Field((), "int64")
    buffer = sw.ReplayBuffer(
        128,
        observation_space=sw.Field((84, 84), "uint8"),
        action_space=number,
        extra_fields={"stamp": number},
    )
    add_image(buffer, 0)
    count, rows = iter(range(1, 10**9)), [0] * 4
    ahead, own = buffer.prefetch(32), buffer.sample(32)

    def look_at(batch: sw.Batch, sampler: int) -> None:
        assert torn_images(batch) == 0
        rows[sampler] += len(batch)

    run_together(
        lambda: add_image(buffer, next(count)),
        lambda: look_at(buffer.sample(32), 0),
        lambda: look_at(buffer.sample(64), 1),
        lambda: look_at(buffer.sample(out=own), 2),
        lambda: look_at(next(ahead), 3),
        seconds=SECONDS_OF_IMAGES,
    )
    print(f"{sum(rows)} rows of {next(count)} transitions")
    assert min(rows) > 100
    assert next(count) > 100


def test_the_check_for_torn_images_finds_one() -> None:
    buffer = sw.ReplayBuffer(
        8,
        observation_space=sw.Field((84, 84), "uint8"),
        action_space=sw.Field((), "int64"),
        extra_fields={"stamp": sw.Field((), "int64")},
    )
    add_image(buffer, 0)
    batch = buffer.sample(3)
    assert torn_images(batch) == 0
    batch.next_obs[1, 83, 80] ^= 1
    assert torn_images(batch) == 1


def test_the_check_for_torn_rows_finds_one() -> None:
    buffer = stamped_buffer()
    buffer.add(**stamped(7))
    batch = buffer.sample(4)
    assert torn(batch) == 0
    batch.next_obs["wide"][2, WIDTH - 1] += 1
    assert torn(batch) == 1


def test_several_threads_add_each_to_its_environment() -> None:
    buffer = numbered_buffer(4 * 50, num_envs=4)
    counts = [0] * 4

    def adder(env: int) -> Callable[[], None]:
        def add() -> None:
            t = counts[env]
            buffer.add([t], [env], [0.0], [t + 1], [False], [False], env_ids=[env])
            counts[env] += 1

        return add

    run_together(*(adder(env) for env in range(4)))
    batch = buffer.sample(5000)
    time_of_row, env = np.divmod(batch.index, 4)
    np.testing.assert_array_equal(batch.action, env)
    np.testing.assert_array_equal(batch.obs, time_of_row)
    assert len(buffer) == sum(min(count, 50) for count in counts)


def test_batches_are_let_go_on_any_thread() -> None:
    buffer = stamped_buffer()
    for t in range(64):
        buffer.add(**stamped(t))
    passed: list[sw.Batch] = []

    def sample() -> None:
        if len(passed) < 100:
            passed.append(buffer.sample(32))

    def check_and_drop() -> None:
        try:
            batch = passed.pop()
        except IndexError:
            time.sleep(0)
            return
        assert torn(batch) == 0

    run_together(sample, sample, check_and_drop, check_and_drop)


def test_clear_len_and_views_beside_add_and_sample() -> None:
    buffer = stamped_buffer()
    count = iter(range(10**9))

    def sample() -> None:
        with contextlib.suppress(ValueError):  # just cleared
            assert torn(buffer.sample(16)) == 0

    def look() -> None:
        assert 0 <= len(buffer) <= buffer.capacity
        assert buffer["stamp"].shape[0] <= buffer.capacity
        assert buffer.nbytes > 0

    def clear() -> None:
        time.sleep(0.01)
        buffer.clear()
        buffer.end_episode()

    run_together(lambda: buffer.add(**stamped(next(count))), sample, look, clear)


@pytest.mark.parametrize("threads", [2, 4])
def test_an_error_in_one_thread_does_not_stop_the_others(threads) -> None:
    buffer = numbered_buffer(10)
    fill(buffer, range(10))

    def fail() -> None:
        with pytest.raises(ValueError, match="reward"):
            buffer.add(0.0, 0, np.zeros(3), 0.0, False, False)

    run_together(fail, *[lambda: len(buffer.sample(8))] * (threads - 1))
    assert len(buffer) == 10
