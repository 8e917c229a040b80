"""Spaces and fields of every kind come back with their shape, dtype and value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import NUMBER, SCALAR
from model import leaves, map_tree, same_bits

import sharpwave as sw

DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]


def repeated(tree: Any, times: int) -> Any:
    return map_tree(lambda leaf: np.stack([leaf] * times), tree)


def round_trip(space: Any, value: Any, next_value: Any) -> None:
    """As observation, as action and as extra field; alone and for three environments."""
    fields = {"observation_space": space, "action_space": space}
    for num_envs in (1, 3):
        buffer = sw.ReplayBuffer(6, **fields, num_envs=num_envs)
        obs, after = repeated(value, num_envs), repeated(next_value, num_envs)
        flags = np.zeros(num_envs, bool)
        buffer.add(obs, obs, np.zeros(num_envs), after, flags, flags)
        batch = buffer.sample(5)
        for got, sent in ((batch.obs, value), (batch.action, value), (batch.next_obs, next_value)):
            expected = repeated(sent, 5)
            assert dict(leaves(got)).keys() == dict(leaves(expected)).keys()
            for path, array in leaves(got):
                assert same_bits(array, dict(leaves(expected))[path]), path


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1, 4)])
def test_every_dtype_comes_back_bit_for_bit(dtype, shape) -> None:
    if dtype == "bool":
        value = np.ones(shape, bool)
    elif dtype.startswith(("float", "complex")):
        value = np.full(shape, -1 / 3, dtype)
    else:
        value = np.full(shape, np.iinfo(dtype).max, dtype)
    round_trip(sw.Field(shape, dtype), value, np.zeros(shape, dtype))


def test_a_row_of_every_size_comes_back() -> None:
    """The core copies small, middling and large rows by different loops."""
    rng = np.random.default_rng(0)
    for size in [*range(1, 300), 511, 512, 513, 4095, 4096, 4097, 10_000]:
        field = sw.Field((size,), "uint8")
        buffer = sw.ReplayBuffer(5, observation_space=field, action_space=field, seed=size)
        rows = rng.integers(0, 256, (8, size)).astype("uint8")
        flags = np.zeros(7, bool)
        buffer.extend(rows[:-1], rows[:-1][::-1], np.zeros(7), rows[1:], flags, flags)
        batch = buffer.sample(37)
        np.testing.assert_array_equal(batch.obs, rows[batch.index])
        np.testing.assert_array_equal(batch.action, rows[6 - batch.index])
        np.testing.assert_array_equal(batch.next_obs, rows[batch.index + 1])


@pytest.mark.parametrize("dtype", ["object", "U3", "datetime64[s]", "no such dtype"])
def test_a_dtype_that_cannot_be_stored_is_refused(dtype) -> None:
    with pytest.raises((ValueError, TypeError)):
        sw.ReplayBuffer(4, observation_space=sw.Field((2,), dtype), action_space=NUMBER)


def test_big_endian_values_are_understood() -> None:
    buffer = sw.ReplayBuffer(4, observation_space=sw.Field((2,), "int32"), action_space=NUMBER)
    buffer.add(np.array([1, 256], ">i4"), np.array(3, ">i8"), 0.5, [0, 0], False, False)
    batch = buffer.sample(1)
    assert (batch.obs.tolist(), batch.action.tolist()) == ([[1, 256]], [3])


def test_dict_keys_in_any_order() -> None:
    space = {"z": SCALAR, "a": sw.Field((2,), "uint8"), "m": {"y": NUMBER, "b": SCALAR}}
    buffer = sw.ReplayBuffer(4, observation_space=space, action_space=NUMBER)
    first = {"a": [1, 2], "m": {"b": 3.5, "y": 4}, "z": 5.5}
    second = {"z": 6.5, "m": {"y": 7, "b": 8.5}, "a": [9, 10]}
    buffer.add(first, 0, 0.0, second, False, False)
    batch = buffer.sample(1)
    assert list(batch.obs) == ["z", "a", "m"]
    assert (batch.obs["z"][0], batch.obs["m"]["y"][0], batch.obs["m"]["b"][0]) == (5.5, 4, 3.5)
    assert batch.obs["a"].tolist() == [[1, 2]]
    assert batch.next_obs["a"].tolist() == [[9, 10]]


def test_each_part_of_a_dict_keeps_its_dtype() -> None:
    value = {
        "image": np.full((3, 3), 200, "uint8"),
        "vector": np.full(2, 1 / 3, "float64"),
        "id": np.int64(2**62 + 1),
    }
    space = {k: sw.Field(np.shape(v), v.dtype) for k, v in value.items()}
    round_trip(space, value, map_tree(lambda leaf: leaf // 2, value))


def test_strided_values_are_understood() -> None:
    buffer = sw.ReplayBuffer(
        8, observation_space=sw.Field((2, 3), "float32"), action_space=NUMBER, num_envs=2
    )
    obs = np.arange(48, dtype="float32").reshape(4, 6, 2)[::2, ::-2].transpose(0, 2, 1)
    actions = np.arange(8)[::-4]
    buffer.add(obs, actions, np.zeros(2), obs[::-1], np.zeros(2, bool), np.zeros(2, bool))
    batch = buffer.sample(20)
    np.testing.assert_array_equal(batch.obs, obs[batch.index % 2])
    np.testing.assert_array_equal(batch.action, actions[batch.index % 2])
    np.testing.assert_array_equal(batch.next_obs, obs[1 - batch.index % 2])


def test_a_field_is_a_value() -> None:
    assert sw.Field((2,), "float32") == sw.Field((2,), np.float32)
    assert sw.Field((2,), "float32") != sw.Field((2,), "float64")


class TestGymnasium:
    """The same through Gymnasium's own spaces, with samples of theirs."""

    def spaces(self) -> Any:
        return pytest.importorskip("gymnasium").spaces

    @pytest.mark.parametrize(
        "make",
        [
            lambda s: s.Box(-1, 1, (3,), np.float32),
            lambda s: s.Box(0, 255, (4, 4, 3), np.uint8),
            lambda s: s.Box(-np.inf, np.inf, (), np.float64),
            lambda s: s.Discrete(5),
            lambda s: s.Discrete(5, start=-2),
            lambda s: s.MultiDiscrete([3, 4, 5]),
            lambda s: s.MultiDiscrete([[3, 4], [5, 6]]),
            lambda s: s.MultiBinary(4),
            lambda s: s.MultiBinary([2, 3]),
            lambda s: s.Dict(z=s.Discrete(3), a=s.Box(0, 1, (2,), np.float32)),
            lambda s: s.Tuple((s.Discrete(3), s.Box(0, 1, (2,), np.float32))),
            lambda s: s.Dict(pair=s.Tuple((s.Discrete(2), s.Dict(x=s.MultiBinary(2))))),
        ],
    )
    def test_a_sample_comes_back(self, make) -> None:
        space = make(self.spaces())
        space.seed(0)
        value, after = space.sample(), space.sample()
        round_trip(space, _plain(value), _plain(after))

    @pytest.mark.parametrize(
        ("make", "named"),
        [
            (lambda s: s.Text(5), "Text"),
            (lambda s: s.Graph(s.Discrete(2), None), "Graph"),
            (lambda s: s.Sequence(s.Discrete(2)), "Sequence"),
            (lambda s: s.Dict(a=s.Text(5)), "Text"),
            (lambda s: "Box(3,)", "Box\\(3,\\)"),
        ],
    )
    def test_a_space_of_no_fixed_size_is_refused_by_name(self, make, named) -> None:
        with pytest.raises((ValueError, TypeError), match=named):
            sw.ReplayBuffer(4, observation_space=make(self.spaces()), action_space=NUMBER)


def _plain(value: Any) -> Any:
    return map_tree(np.asarray, dict(value) if isinstance(value, dict) else value)
