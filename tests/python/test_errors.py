"""Every mistake is named at once, in under a second, and leaves the buffer as it was.

That nothing changed is shown by a twin: a second buffer with the same seed that never saw the
mistake. Afterwards both get the same rows, and their samples have to be equal bit for bit.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from model import leaves, map_tree, same_bits

import sharpwave as sw

SPACE = {"image": sw.Field((2, 2), "uint8"), "vector": sw.Field((3,), "float32")}


def make(num_envs: int = 2, **options: Any) -> sw.ReplayBuffer:
    return sw.ReplayBuffer(
        8,
        observation_space=SPACE,
        action_space=sw.Field((), "int32"),
        num_envs=num_envs,
        extra_fields={"log_prob": sw.Field((2,), "float32")},
        seed=0,
        **options,
    )


def good_step(num_envs: int = 2, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def obs() -> dict[str, Any]:
        return {
            "image": rng.integers(0, 256, (num_envs, 2, 2)).astype("uint8"),
            "vector": rng.normal(size=(num_envs, 3)).astype("float32"),
        }

    return {
        "obs": obs(),
        "action": rng.integers(0, 9, num_envs).astype("int32"),
        "reward": rng.normal(size=num_envs).astype("float32"),
        "next_obs": obs(),
        "terminated": np.zeros(num_envs, bool),
        "truncated": np.zeros(num_envs, bool),
        "log_prob": rng.normal(size=(num_envs, 2)).astype("float32"),
    }


@contextmanager
def refused(error: Any, *words: str) -> Iterator[None]:
    start = time.perf_counter()
    with pytest.raises(error) as caught:
        yield
    assert time.perf_counter() - start < 1
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value!s}"


def changes_nothing(
    mistake: Callable[[sw.ReplayBuffer], Any], error: Any, *words: str, **options: Any
) -> None:
    """In an empty buffer, in one that has rows, in one that is full and has a reset due."""
    for rows in (0, 1, 9):
        mistaken, twin = make(**options), make(**options)
        for seed in range(rows):
            for buffer in (mistaken, twin):
                buffer.add(**(good_step(seed=seed) | {"terminated": np.array([seed == 8, False])}))
        with refused(error, *words):
            mistake(mistaken)
        assert len(mistaken) == len(twin)
        for seed in range(100, 103):
            for buffer in (mistaken, twin):
                buffer.add(**good_step(seed=seed))
            assert_equal(mistaken.sample(40), twin.sample(40))


def assert_equal(left: sw.Batch, right: sw.Batch) -> None:
    for name in left.keys():  # noqa: SIM118
        pairs = zip(leaves(left[name]), leaves(right[name]), strict=True)
        assert all(same_bits(one[1], other[1]) for one, other in pairs), name


def with_part(name: str, part: str, value: Any) -> dict[str, Any]:
    return {name: good_step()[name] | {part: value}}


Z = np.zeros
BAD_VALUES = [
    ({"reward": Z(3)}, ValueError, ["reward", "(2,)", "(3,)"]),
    ({"reward": Z((2, 1))}, ValueError, ["reward", "(2, 1)"]),
    ({"reward": 1.0}, ValueError, ["reward"]),
    ({"action": Z((2, 1), int)}, ValueError, ["action", "(2, 1)"]),
    ({"log_prob": Z((2,))}, ValueError, ["log_prob", "(2, 2)", "(2,)"]),
    ({"log_prob": Z((2, 1))}, ValueError, ["log_prob", "(2, 2)", "(2, 1)"]),
    ({"log_prob": Z((1, 2))}, ValueError, ["log_prob", "(2, 2)", "(1, 2)"]),
    (with_part("obs", "vector", Z((2, 4))), ValueError, ["obs", "vector", "(2, 4)"]),
    (with_part("next_obs", "image", Z((2, 4))), ValueError, ["next_obs", "image", "(2, 4)"]),
    (with_part("obs", "image", np.full((2, 2, 2), 300)), ValueError, ["image", "uint8", "300"]),
    (with_part("obs", "image", np.full((2, 2, 2), 300.7)), ValueError, ["image", "uint8", "300.7"]),
    (with_part("obs", "image", np.full((2, 2, 2), -1)), ValueError, ["image", "uint8", "-1"]),
    (
        with_part("next_obs", "image", np.full((2, 2, 2), 2.5)),
        ValueError,
        ["image", "uint8", "2.5"],
    ),
    (with_part("obs", "image", np.full((2, 2, 2), np.nan)), ValueError, ["image", "uint8", "nan"]),
    ({"action": np.array([1, 2**31])}, ValueError, ["action", "int32", "2147483648"]),
    ({"action": np.array([1.0, 2.9])}, ValueError, ["action", "int32", "2.9"]),
    ({"action": np.array([1, 2**63], "uint64")}, ValueError, ["action", "9223372036854775808"]),
    ({"terminated": np.array([0, 2])}, ValueError, ["terminated", "bool", "2"]),
    ({"truncated": np.array([0.5, 0])}, ValueError, ["truncated", "bool", "0.5"]),
    ({"reward": np.array([1j, 2j])}, (ValueError, TypeError), ["reward"]),
    ({"reward": ["a", "b"]}, (ValueError, TypeError), ["reward"]),
    ({"reward": [[1.0], [1.0, 2.0]]}, (ValueError, TypeError), ["reward"]),
    ({"reward": None}, (ValueError, TypeError), ["reward"]),
    ({"action": np.array([object(), 1])}, (ValueError, TypeError), ["action"]),
    ({"no_such_field": Z(2)}, (KeyError, TypeError), ["no_such_field"]),
    (with_part("obs", "smell", Z(2)), KeyError, ["obs", "smell"]),
    ({"obs": {"image": Z((2, 2, 2))}}, KeyError, ["obs", "vector"]),
    ({"obs": Z((2, 3))}, (ValueError, KeyError, TypeError), ["obs"]),
]


@pytest.mark.parametrize(("changes", "error", "words"), BAD_VALUES)
@pytest.mark.parametrize("method", ["add", "extend"])
def test_a_bad_value_is_refused_by_name(method, changes, error, words) -> None:
    step = good_step() | changes

    if method == "add":
        changes_nothing(lambda buffer: buffer.add(**step), error, *words)
    else:
        # Wrong in the last of three steps: the two before it must not have been taken.
        steps = {name: _last_of_three(good_step().get(name), step[name]) for name in step}
        changes_nothing(lambda buffer: buffer.extend(**steps), error, words[0])


def _last_of_three(good: Any, bad: Any) -> Any:
    try:
        if [path for path, _ in leaves(good)] == [path for path, _ in leaves(bad)]:
            return map_tree(lambda one, other: np.stack([one, one, other]), good, bad)
    except ValueError:  # the shapes differ, so wrong in all three
        pass
    return map_tree(lambda leaf: [leaf] * 3, bad)


@pytest.mark.parametrize("name", good_step())
def test_a_missing_field_is_refused_by_name(name) -> None:
    step = good_step()
    del step[name]
    changes_nothing(lambda buffer: buffer.add(**step), (KeyError, TypeError), name)
    changes_nothing(lambda buffer: buffer.extend(**step), (KeyError, TypeError), name)


@pytest.mark.parametrize(
    "env_ids",
    [[0, 0], [1, 0, 1], [0, 2], [-1, 0], [0, 2**40], [0.5, 1], ["a", "b"], [[0, 1]], "01"],
)
def test_env_ids_are_distinct_numbers_of_environments(env_ids) -> None:
    step = good_step(len(env_ids))
    error = (ValueError, TypeError)
    changes_nothing(lambda buffer: buffer.add(**step, env_ids=env_ids), error, "env_ids")
    changes_nothing(lambda buffer: buffer.end_episode(env_ids), error, "env_ids")


def test_as_many_rows_as_env_ids() -> None:
    changes_nothing(lambda buffer: buffer.add(**good_step(2), env_ids=[0]), ValueError)
    changes_nothing(lambda buffer: buffer.add(**good_step(1), env_ids=[0, 1]), ValueError)
    changes_nothing(lambda buffer: buffer.add(**good_step(3)), ValueError)


@pytest.mark.parametrize("autoreset", [None, "next_step", "disabled"])
def test_a_mistake_does_not_use_up_a_reset(autoreset) -> None:
    bad = good_step() | {"reward": Z(5)}
    changes_nothing(lambda buffer: buffer.add(**bad), ValueError, "reward", autoreset=autoreset)


@pytest.mark.parametrize("batch_size", [0, -1, -(2**40), 2.5, "3", None, [4]])
def test_a_batch_has_a_size(batch_size) -> None:
    error = (ValueError, TypeError)
    changes_nothing(lambda buffer: buffer.sample(batch_size), error, "batch_size")


@pytest.mark.parametrize("batch_size", [2**62, 2**63, 2**64])
def test_a_batch_fits_in_memory(batch_size) -> None:
    buffer = make()
    buffer.add(**good_step())
    with refused((ValueError, MemoryError, OverflowError)):
        buffer.sample(batch_size)
    assert len(buffer.sample(3)) == 3


def test_an_empty_buffer_says_so() -> None:
    buffer = make()
    with refused(ValueError, "empty"):
        buffer.sample(1)
    buffer.add(**good_step())
    buffer.clear()
    with refused(ValueError, "empty"):
        buffer.sample(1)


CAST = (ValueError, TypeError)


@pytest.mark.parametrize(
    ("capacity", "error"),
    [
        *((0, ValueError), (-1, ValueError), (1, ValueError), (-(2**70), ValueError)),
        *((3.7, CAST), (8.0, CAST), (True, CAST), ("8", CAST), (None, CAST), ([8], CAST)),
        *((n, (ValueError, MemoryError, OverflowError)) for n in (2**62, 2**63, 2**64, 2**70)),
        (2**40, MemoryError),
    ],
)
def test_a_capacity_that_cannot_be(capacity, error) -> None:
    with refused(error, "capacity" if error is not MemoryError else ""):
        sw.ReplayBuffer(
            capacity,
            observation_space=sw.Field((100,), "float32"),
            action_space=sw.Field((), "int64"),
            num_envs=2,
        )


@pytest.mark.parametrize("shape", [(2**31, 2**31), (2**32, 2**32), (2**62, 4), (2**63,), (-1,)])
def test_a_row_that_cannot_be(shape) -> None:
    with refused((ValueError, MemoryError, OverflowError)):
        field = sw.Field(shape, "float64")
        sw.ReplayBuffer(2**33, observation_space=field, action_space=sw.Field((), "int64"))


@pytest.mark.parametrize("num_envs", [0, -1, 9, 2.5, True, 2**40, 2**63])
def test_a_number_of_environments_that_cannot_be(num_envs) -> None:
    with refused((ValueError, TypeError, MemoryError)):
        make(num_envs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"autoreset": "later"}, ["autoreset", "next_step", "later"]),
        ({"sampler": "uniform"}, ["sampler", "uniform"]),
        ({"gamma": -0.1}, ["gamma", "-0.1"]),
        ({"gamma": 1.5}, ["gamma", "1.5"]),
        ({"gamma": float("nan")}, ["gamma", "nan"]),
        ({"no_such_option": 1}, ["no_such_option"]),
    ],
)
def test_an_option_that_does_not_exist(options, words) -> None:
    with refused((ValueError, TypeError), *words):
        make(**options)


@pytest.mark.parametrize("name", ["obs", "reward", "index", "discount", "info", "env_ids", "self"])
def test_an_extra_field_may_not_take_a_name_in_use(name) -> None:
    field = sw.Field((), "float32")
    with refused((ValueError, TypeError), name):
        sw.ReplayBuffer(4, observation_space=field, action_space=field, extra_fields={name: field})


def test_a_buffer_that_was_never_finished_fails_and_does_not_crash() -> None:
    """Debuggers and pytest print `self` of a constructor that has raised."""
    script = """
import sharpwave as sw
buffer = sw.ReplayBuffer.__new__(sw.ReplayBuffer)
step = dict(obs=0, action=0, reward=0, next_obs=0, terminated=0, truncated=0)
uses = [len, repr, lambda b: b.capacity, lambda b: b.nbytes, lambda b: b.sample(1),
        lambda b: b.add(**step), lambda b: b.extend(**step), lambda b: b["obs"],
        lambda b: b.clear(), lambda b: b.end_episode()]
for use in uses:
    try:
        use(buffer)
    except Exception:
        pass
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "alive\n"


def test_spaces_are_required() -> None:
    field = sw.Field((), "float32")
    with refused((ValueError, TypeError), "action_space"):
        sw.ReplayBuffer(4, observation_space=field)
    with refused((ValueError, TypeError), "observation_space"):
        sw.ReplayBuffer(4, action_space=field)


@pytest.mark.parametrize(
    "sent", [np.float64(1 / 3), 1 / 3, np.float16(1 / 3), 3, True, np.uint8(3)]
)
def test_casts_that_keep_the_kind_are_made(sent) -> None:
    field = sw.Field((), "float32")
    buffer = sw.ReplayBuffer(4, observation_space=field, action_space=field)
    buffer.add(sent, sent, sent, sent, 0, 1)
    batch = buffer.sample(1)
    for column in (batch.obs, batch.action, batch.reward, batch.next_obs):
        assert column[0] == np.float32(sent)
        assert column.dtype == np.float32
    assert (batch.terminated[0], batch.truncated[0]) == (False, True)


@pytest.mark.parametrize("sent", [7, 7.0, np.float32(7), np.int64(7), np.uint8(7), np.array(7.0)])
def test_an_integer_field_takes_what_it_can_hold(sent) -> None:
    field = sw.Field((), "uint8")
    buffer = sw.ReplayBuffer(4, observation_space=field, action_space=field)
    buffer.add(sent, sent, 0.0, sent, False, False)
    assert buffer.sample(1).action.tolist() == [7]
