"""What is stored smaller and sampled otherwise, against the same conversions in NumPy.

A column says for one field what NumPy would store and what it would give back. A stream of random
values through a buffer must give just that, whatever else the buffer does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from helpers import NUMBER
from model import map_tree, same_bits

import sharpwave as sw

Array = np.ndarray[Any, Any]


def nearest_bfloat16(values: Array) -> Array:
    """float32 values with 8 significant bits: the nearest, ties to even."""
    wide = values.astype("float64")
    exponent = np.frexp(np.where(np.isfinite(wide), wide, 0.0))[1]
    unit = np.maximum(exponent - 1, -126) - 7
    return np.ldexp(np.rint(np.ldexp(wide, -unit)), unit).astype("float32")


def random_reals(dtype: str) -> Callable[[np.random.Generator, tuple[int, ...]], Array]:
    """Numbers of every size that float16 has, with infinities, NaN and zeros of both signs."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        values = rng.normal(size=shape) * 2.0 ** rng.integers(-30, 13, shape)
        special = rng.choice([np.inf, -np.inf, np.nan, 0.0, -0.0, 65504.0, 65519.0], shape)
        return np.where(rng.random(shape) < 0.1, special, values).astype(dtype)

    return draw


def random_bits(dtype: str) -> Callable[[np.random.Generator, tuple[int, ...]], Array]:
    return lambda rng, shape: np.asarray(rng.integers(0, 2, shape)).astype(dtype)


def random_bytes(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.integers(0, 256, shape)).astype("uint8")


@dataclass(frozen=True)
class Column:
    """A kind of field: `stored` and `sampled` are what NumPy makes of one row's value."""

    dtype: str
    options: dict[str, Any]
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]
    stored: Callable[[Array], Array]
    sampled: Callable[[Array], Array]

    def field(self, shape: tuple[int, ...]) -> sw.Field:
        return sw.Field(shape, self.dtype, **self.options)


def half_as(dtype: str) -> dict[str, Any]:
    return {"stored": lambda x: x.astype("f2"), "sampled": lambda x: x.astype("f2").astype(dtype)}


def bfloat16_as(dtype: str) -> dict[str, Any]:
    return {
        "stored": lambda x: (nearest_bfloat16(x).view("u4") >> 16).astype("u2"),
        "sampled": lambda x: nearest_bfloat16(x).astype(dtype),
    }


def divided_by(divisor: float | None) -> dict[str, Any]:
    return {
        "stored": lambda x: x,
        "sampled": lambda x: np.asarray(x.astype("float32") / np.float32(divisor or 1)),
    }


BITS: dict[str, Any] = {
    "stored": lambda x: np.packbits(x.astype("u1").ravel()),
    "sampled": np.array,
}
F16, BF16 = {"store_as": "float16"}, {"store_as": "bfloat16"}
AS_SINGLE: dict[str, Any] = {"sample_as": "float32"}

COLUMNS = {
    "float32 as float16": Column("float32", F16, random_reals("f4"), **half_as("f4")),
    "float64 as float16": Column("float64", F16, random_reals("f8"), **half_as("f8")),
    "float64 as float16, float32": Column(
        "float64", F16 | AS_SINGLE, random_reals("f8"), **half_as("f4")
    ),
    "float16, float32": Column("float16", AS_SINGLE, random_reals("f2"), **half_as("f4")),
    "float32 as bfloat16": Column("float32", BF16, random_reals("f4"), **bfloat16_as("f4")),
    "float64 as bfloat16": Column("float64", BF16, random_reals("f8"), **bfloat16_as("f8")),
    "float64 as bfloat16, float32": Column(
        "float64", BF16 | AS_SINGLE, random_reals("f8"), **bfloat16_as("f4")
    ),
    "uint8, float32": Column("uint8", AS_SINGLE, random_bytes, **divided_by(None)),
    "uint8 / 255": Column("uint8", AS_SINGLE | {"divisor": 255}, random_bytes, **divided_by(255)),
    "uint8 / 0.1": Column("uint8", AS_SINGLE | {"divisor": 0.1}, random_bytes, **divided_by(0.1)),
    **{
        f"{dtype} as bits": Column(dtype, {"store_as": "bits"}, random_bits(dtype), **BITS)
        for dtype in ("bool", "int8", "uint8")
    },
}
SHAPES = [(), (3,), (5, 7), (17, 33), (40, 41)]  # records, and columns alone

every_column = pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())


def same(left: Array, right: Array) -> bool:
    """Equal bits, except that one NaN is as good as another: NumPy's depends on the processor."""
    if left.dtype.kind != "f" or left.dtype != right.dtype or left.shape != right.shape:
        return same_bits(left, right)
    nans = np.isnan(left), np.isnan(right)
    return same_bits(*nans) and same_bits(left[~nans[0]], right[~nans[1]])


class Stream:
    """Random rows, kept by index; successors are mostly the next row's obs."""

    def __init__(
        self, buffer: sw.ReplayBuffer, draw: Callable[[], Array], num_envs: int = 1
    ) -> None:
        self.buffer, self.draw, self.num_envs = buffer, draw, num_envs
        self.rng = np.random.default_rng(1)
        self.last = [draw() for _ in range(num_envs)]
        self.rows: list[dict[str, Array]] = []

    def add(self) -> None:
        rows = []
        for env in range(self.num_envs):
            obs = self.last[env] if self.rng.random() < 0.8 else self.draw()
            self.last[env] = self.draw()
            action, extra = self.draw(), self.draw()
            rows.append({"obs": obs, "next_obs": self.last[env], "action": action, "extra": extra})
        self.rows += rows
        step = map_tree(lambda *parts: np.stack(parts), *rows)
        flags = np.zeros(self.num_envs, bool)
        self.buffer.add(**step, reward=np.zeros(self.num_envs), terminated=flags, truncated=flags)

    def check(self, sampled: Callable[[Array], Array]) -> None:
        batch = self.buffer.sample(33)
        for name in ("obs", "next_obs", "action", "extra"):
            sent = np.stack([self.rows[index][name] for index in batch.index])
            assert same(batch[name], sampled(sent)), name


def buffer_of(field: sw.Field, **options: Any) -> sw.ReplayBuffer:
    spaces = {"observation_space": field, "action_space": field}
    return sw.ReplayBuffer(12, **spaces, extra_fields={"extra": field}, seed=0, **options)


@every_column
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_envs", [1, 3])
def test_every_sampled_value_is_what_numpy_makes_of_it(column, shape, num_envs) -> None:
    rng = np.random.default_rng(0)
    buffer = buffer_of(column.field(shape), num_envs=num_envs)
    stream = Stream(buffer, lambda: column.draw(rng, shape), num_envs)
    for _ in range(10):  # rings of 12 or 4 rows are written over more than once
        for _ in range(3):
            stream.add()
        stream.check(column.sampled)


@every_column
@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_shows_what_is_stored(column, shape) -> None:
    rng = np.random.default_rng(0)
    buffer = buffer_of(column.field(shape))
    stream = Stream(buffer, lambda: column.draw(rng, shape))
    for _ in range(5):
        stream.add()
    for name in ("obs", "action", "extra"):
        expected = np.stack([column.stored(row[name]) for row in stream.rows])
        if buffer[name].dtype == np.uint16:  # bfloat16: compared as numbers, for the NaN
            as_numbers = [(part.astype("u4") << 16).view("f4") for part in (buffer[name], expected)]
            assert same(*as_numbers)
        else:
            assert same(np.asarray(buffer[name]), expected)


def test_extend_stores_what_add_stores() -> None:
    rng = np.random.default_rng(0)
    for column in COLUMNS.values():
        field = column.field((6,))
        one, many = (buffer_of(field, num_envs=2) for _ in range(2))
        values = column.draw(rng, (6, 2, 6))
        flags = np.zeros((5, 2), bool)
        rows = (values[:-1], values[:-1], flags * 1.0, values[1:], flags, flags)
        many.extend(*rows, extra=values[:-1])
        for t in range(5):
            one.add(*(part[t] for part in rows), extra=values[t])
        left, right = one.sample(50), many.sample(50)
        for name in ("obs", "next_obs", "action", "extra"):
            assert same_bits(left[name], right[name])


def test_each_part_of_a_nested_space_is_converted_its_own_way() -> None:
    rng = np.random.default_rng(0)
    kinds = {"image": "uint8 / 255", "pose": "float32 as float16", "doors": "int8 as bits"}
    columns = {key: COLUMNS[kind] for key, kind in kinds.items()}
    shapes = {"image": (3, 20, 20), "pose": (7,), "doors": (11,)}
    fields = {key: column.field(shapes[key]) for key, column in columns.items()}
    space = {"z": fields["image"], "a": (fields["pose"], {"doors": fields["doors"]}), "n": NUMBER}
    buffer = sw.ReplayBuffer(7, observation_space=space, action_space=NUMBER, seed=0)

    def observation() -> Any:
        parts = {key: column.draw(rng, shapes[key]) for key, column in columns.items()}
        return {
            "z": parts["image"],
            "a": (parts["pose"], {"doors": parts["doors"]}),
            "n": np.array(len(rows)),
        }

    rows: list[Any] = []
    for _ in range(20):
        rows.append(observation())
        buffer.add(rows[-1], 0, 0.0, rows[-1], False, False)
    batch = buffer.sample(40)
    for got in (batch.obs, batch.next_obs):
        for place, index in enumerate(batch.index):
            sent = rows[index]
            assert same(got["z"][place], columns["image"].sampled(sent["z"]))
            assert same(got["a"][0][place], columns["pose"].sampled(sent["a"][0]))
            assert same(got["a"][1]["doors"][place], sent["a"][1]["doors"])
            assert got["n"][place] == sent["n"]


def test_what_is_stored_alike_is_stored_once() -> None:
    """A successor that differs from the next obs only in bits that are not stored is no break."""
    rng = np.random.default_rng(0)
    field = sw.Field((1000,), "float32", store_as="bfloat16")
    obs = rng.normal(size=(401, 1000)).astype("float32").view("u4") & 0xFFFF0000
    nearly = (obs | 0x7F).view("f4")
    obs = obs.view("f4")
    zeros = np.zeros(400)
    sizes = []
    for successors in (obs[1:], nearly[1:], -obs[1:]):
        buffer = sw.ReplayBuffer(500, observation_space=field, action_space=NUMBER, seed=0)
        buffer.extend(obs[:-1], zeros, zeros, successors, zeros, zeros)
        batch = buffer.sample(50)
        expected = -obs if successors[0, 0] == -obs[1, 0] else obs
        assert same_bits(batch.next_obs, expected[batch.index + 1])
        sizes.append(buffer.nbytes)
    assert sizes[0] == sizes[1] < sizes[2]


def test_memory_is_that_of_what_is_stored() -> None:
    def nbytes(**options: Any) -> int:
        field = sw.Field((1024,), **options)
        return sw.ReplayBuffer(1000, observation_space=field, action_space=NUMBER).nbytes

    whole = nbytes(dtype="float32")
    assert nbytes(dtype="float32", store_as="float16") < 0.55 * whole
    assert nbytes(dtype="uint8", sample_as="float32") < 0.3 * whole
    assert nbytes(dtype="bool", store_as="bits") < 0.06 * whole


def test_final_observations_are_converted_too() -> None:
    column = COLUMNS["float32 as float16"]
    field = column.field((3,))
    buffer = buffer_of(field, num_envs=2, autoreset="same_step")
    obs = np.array([[0.1, 0.2, 0.3], [1.1, 1.2, 1.3]], "float32")
    final = np.array([[9.1, 9.2, 9.3], [0, 0, 0]], "float32")
    done = np.array([True, False])
    info = {"final_obs": final}
    buffer.add(obs, obs, np.zeros(2), obs + 5, done, np.zeros(2, bool), info, extra=obs)
    batch = buffer.sample(20)
    expected = np.stack([final[0], obs[1] + 5]).astype("float16").astype("float32")
    assert same_bits(batch.next_obs, expected[batch.index % 2])


@pytest.mark.parametrize("store_as", ["float16", "bfloat16"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kind_of_value_is_encoded_alike(store_as, dtype) -> None:
    """Python numbers, lists, other dtypes, strided arrays: each takes its own way in."""
    field = sw.Field((), dtype, store_as=store_as)
    round_one = COLUMNS[f"{dtype} as {store_as}"].sampled
    for value in (0.3, np.float32(0.3), np.array(0.3), 7, True, np.array([[0.3]])[::-1][0, 0]):
        buffer = sw.ReplayBuffer(4, observation_space=field, action_space=field)
        buffer.add(value, value, 0.0, value, False, False)
        batch = buffer.sample(1)
        expected = round_one(np.array([value], dtype))
        assert same_bits(batch.obs, expected)
        assert same_bits(batch.action, expected)
        assert same_bits(batch.next_obs, expected)


@pytest.mark.parametrize(
    ("field", "bad", "words"),
    [
        (sw.Field((2,), "float32", store_as="float16"), [1.0, 65520.0], ["float16", "65520.0"]),
        (sw.Field((2,), "float64", store_as="float16"), [-1e300, 0.0], ["float16", "-1e+300"]),
        (sw.Field((2,), "float32", store_as="bfloat16"), [0.0, 3.4e38], ["bfloat16", "3.39999"]),
        (sw.Field((2,), "float64", store_as="bfloat16"), [0.0, 1e39], ["bfloat16", "1e+39"]),
        (sw.Field((2,), "float32", store_as="float16"), [0.0, 1e39], ["float32", "1e+39"]),
        (sw.Field((2,), "int8", store_as="bits"), [1, -1], ["0 and 1", "bits", "-1"]),
        (sw.Field((2,), "uint8", store_as="bits"), np.array([2, 0], "u1"), ["0 and 1", "2"]),
        (sw.Field((2,), "bool", store_as="bits"), [1, 2], ["bool", "2"]),
        (sw.Field((2,), "uint8", sample_as="float32"), [1, 256], ["uint8", "256"]),
    ],
)
@pytest.mark.parametrize("name", ["obs", "next_obs", "action"])
def test_a_value_that_cannot_be_stored_is_named_and_nothing_is(field, bad, words, name) -> None:
    buffer = sw.ReplayBuffer(4, observation_space=field, action_space=field, seed=0)
    good = {"obs": [1, 0], "next_obs": [0, 1], "action": [1, 1]}
    flags = {"reward": 0.0, "terminated": False, "truncated": False}
    with pytest.raises(ValueError) as caught:
        buffer.add(**good | {name: bad}, **flags)
    message = str(caught.value)
    assert message.startswith(f"{name}: expected"), message
    assert all(word in message for word in words), message
    assert len(buffer) == 0
    buffer.add(**good, **flags)
    assert buffer.sample(1).next_obs.tolist() == [[0, 1]]


def test_tensors_have_the_sampled_dtype() -> None:
    torch = pytest.importorskip("torch")
    field = sw.Field((4,), "uint8", sample_as="float32", divisor=255)
    buffer = sw.ReplayBuffer(4, observation_space=field, action_space=NUMBER, seed=0)
    buffer.add([0, 51, 102, 255], 0, 0.0, [0, 0, 0, 0], False, False)
    assert torch.equal(buffer.sample(1).torch().obs, torch.tensor([[0.0, 0.2, 0.4, 1.0]]))


def test_multi_binary_is_packed_without_being_asked() -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    space = spaces.MultiBinary(100)
    space.seed(0)
    plain = sw.Field.like(space, store_as=None)
    packed, unpacked = (
        sw.ReplayBuffer(1000, observation_space=obs, action_space=space, seed=0)
        for obs in (space, plain)
    )
    for _ in range(20):
        obs, action, after = space.sample(), space.sample(), space.sample()
        for buffer in (packed, unpacked):
            buffer.add(obs, action, 0.0, after, False, False)
    left, right = packed.sample(64), unpacked.sample(64)
    for name in ("obs", "action", "next_obs"):
        assert same_bits(left[name], right[name])
    assert left.obs.dtype == np.int8
    assert same_bits(packed["obs"], np.packbits(unpacked["obs"], axis=1))
    assert packed.nbytes < unpacked.nbytes
