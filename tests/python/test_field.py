"""Field: a value that says what goes in, what is stored and what comes out, or why it cannot be."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import sharpwave as sw


def test_equal_meaning_is_equality() -> None:
    assert sw.Field((2,), "float32") == sw.Field(2, np.float32)
    assert sw.Field((2,), "float32") != sw.Field((2,), "float64")
    assert sw.Field((), "float32", store_as="float16") != sw.Field((), "float32")
    assert sw.Field((), "float32", sample_as="float32") == sw.Field((), "float32")
    scaled = sw.Field((), "uint8", sample_as="float32", divisor=255)
    assert scaled == sw.Field((), np.uint8, sample_as=np.float32, divisor=255.0)
    assert scaled != sw.Field((), "uint8", sample_as="float32")
    assert hash(scaled) == hash(sw.Field((), "uint8", sample_as="float32", divisor=255))


def test_only_the_options_that_are_set_are_shown() -> None:
    assert repr(sw.Field((2,), "int8")) == "Field(shape=(2,), dtype=dtype('int8'))"
    assert (
        repr(sw.Field((2,), "float64", store_as="float16", sample_as="float32"))
        == "Field(shape=(2,), dtype=dtype('float64'), store_as='float16', "
        "sample_as=dtype('float32'))"
    )


def test_a_field_is_frozen_pickled_and_replaced() -> None:
    field = sw.Field((3,), "uint8", sample_as="float32", divisor=127.5)
    assert pickle.loads(pickle.dumps(field)) == field
    assert dataclasses.replace(field, divisor=None) == sw.Field((3,), "uint8", sample_as="float32")
    with pytest.raises(dataclasses.FrozenInstanceError):
        field.divisor = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("dtype", "options", "words"),
    [
        ("uint8", {"store_as": "float16"}, ["store_as", "'bits'", "uint8", "'float16'"]),
        ("int64", {"store_as": "bits"}, ["store_as", "None", "int64", "'bits'"]),
        ("float32", {"store_as": "float8"}, ["store_as", "'float16' or 'bfloat16'", "'float8'"]),
        (">f4", {"store_as": "float16"}, ["store_as", "None", ">f4"]),
        ("float32", {"sample_as": "float64"}, ["sample_as", "float32", "'float64'"]),
        ("uint8", {"sample_as": "float64"}, ["sample_as", "uint8 or float32", "'float64'"]),
        ("int8", {"sample_as": "float32"}, ["sample_as", "int8", "'float32'"]),
        ("bool", {"store_as": "bits", "sample_as": "float32"}, ["sample_as", "bits", "'float32'"]),
        ("float32", {"store_as": "float16", "sample_as": "float16"}, ["sample_as", "'float16'"]),
        ("uint8", {"divisor": 255}, ["divisor", "uint8", "sample_as='float32'"]),
        ("float32", {"store_as": "float16", "divisor": 2}, ["divisor", "uint8", "float32"]),
        ("uint8", {"sample_as": "float32", "divisor": 0}, ["divisor", "positive", "0"]),
        ("uint8", {"sample_as": "float32", "divisor": -1.0}, ["divisor", "positive", "-1.0"]),
        ("uint8", {"sample_as": "float32", "divisor": 1e39}, ["divisor", "float32", "1e+39"]),
        ("uint8", {"sample_as": "float32", "divisor": 1e-50}, ["divisor", "float32", "1e-50"]),
        ("uint8", {"sample_as": "float32", "divisor": "many"}, ["divisor", "'many'"]),
        ("uint8", {"sample_as": "float32", "divisor": float("nan")}, ["divisor", "nan"]),
    ],
)
def test_options_that_do_not_go_together_are_refused_by_name(dtype, options, words) -> None:
    with pytest.raises(ValueError) as caught:
        sw.Field((2,), dtype, **options)
    message = str(caught.value)
    assert all(word in message for word in words), message


class Space:
    """As much of a Gymnasium space as is read."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)


class Box(Space):
    pass


class MultiBinary(Space):
    pass


def test_a_field_like_a_space_has_its_shape_and_dtype() -> None:
    assert sw.Field.like(Box((2, 3), "uint8")) == sw.Field((2, 3), "uint8")
    assert sw.Field.like(Box((2,), "uint8"), sample_as="float32", divisor=255) == sw.Field(
        (2,), "uint8", sample_as="float32", divisor=255
    )


def test_multi_binary_is_bits_unless_asked_otherwise() -> None:
    assert sw.Field.like(MultiBinary((9,), "int8")) == sw.Field((9,), "int8", store_as="bits")
    assert sw.Field.like(MultiBinary((9,), "int8"), store_as=None) == sw.Field((9,), "int8")


@pytest.mark.parametrize("space", [{"a": Box((2,), "float32")}, Space((2,), "float32"), "Box"])
def test_a_field_is_like_one_array_only(space) -> None:
    with pytest.raises(ValueError, match="space: expected a Box"):
        sw.Field.like(space)
