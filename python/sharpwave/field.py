"""Field: what one column holds, how it is stored, and what comes out."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

# The spaces, by the names of their classes, whose values are arrays of one shape.
ARRAY_SPACES = {"Box", "Discrete", "MultiDiscrete", "MultiBinary"}

_LARGEST_ROW = 2**62

# Which dtypes each storage is for. Those are in the machine's byte order, as encoding and decoding
# are; values of another order go in as everywhere.
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_STORAGES: dict[str, tuple[np.dtype[Any], ...]] = {
    "float16": _FLOATS,
    "bfloat16": _FLOATS,
    "bits": (np.dtype(np.bool_), np.dtype(np.int8), np.dtype(np.uint8)),
}
# What can be had as float32: these dtypes where they are stored as they are, and these storages.
_WIDENED_DTYPES = (np.dtype(np.uint8), np.dtype(np.float16))
_WIDENED_STORAGES = ("float16", "bfloat16")


@dataclass(frozen=True)
class Field:
    """The shape and dtype of one value of a column, how it is stored, and what comes out.

    Parameters
    ----------
    shape : tuple of int or int
        The shape of one row's value; ``()`` for a single number.
    dtype : dtype-like
        What goes in: any boolean, integer, floating or complex dtype of fixed size.
    store_as : {None, "float16", "bfloat16", "bits"}
        How it is stored; by default as it is. ``"float16"`` and ``"bfloat16"`` are for float32 and
        float64: values are rounded to the nearest, ties to even, and a finite one that would become
        infinite is an error. ``"bits"`` is for bool, int8 and uint8: eight values to a byte, and
        one that is neither 0 nor 1 is an error.
    sample_as : dtype-like, optional
        What comes out, ``dtype`` by default. ``"float32"`` may be had from uint8, from float16 and
        from what is stored as float16 or bfloat16.
    divisor : float, optional
        With uint8 sampled as float32: what is sampled is ``float32(value) / float32(divisor)``.

    Raises
    ------
    ValueError
        An extent below 1, a dtype that is not a number's, or options that do not go together.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Field((84, 84), "uint8")
    Field(shape=(84, 84), dtype=dtype('uint8'))
    >>> sw.Field((84, 84), "uint8", sample_as="float32", divisor=255)
    Field(shape=(84, 84), dtype=dtype('uint8'), sample_as=dtype('float32'), divisor=255.0)
    """

    shape: tuple[int, ...] = ()
    dtype: np.dtype[np.generic] = np.dtype(np.float32)
    store_as: str | None = None
    sample_as: np.dtype[np.generic] | None = None  # None: as dtype
    divisor: float | None = None

    def __init__(
        self,
        shape: tuple[int, ...] | int = (),
        dtype: DTypeLike = np.float32,
        *,
        store_as: str | None = None,
        sample_as: DTypeLike | None = None,
        divisor: float | None = None,
    ) -> None:
        checked = _checked_dtype(dtype)
        stored = _checked_storage(store_as, checked)
        sampled = _checked_sampled(sample_as, checked, stored)
        object.__setattr__(self, "shape", _checked_shape(shape, checked.itemsize))
        object.__setattr__(self, "dtype", checked)
        object.__setattr__(self, "store_as", stored)
        object.__setattr__(self, "sample_as", sampled)
        object.__setattr__(self, "divisor", _checked_divisor(divisor, checked, sampled))

    @classmethod
    def like(cls, space: Any, **options: Any) -> Field:
        """Make the field of a space's values; MultiBinary is stored as bits.

        Parameters
        ----------
        space
            A Gymnasium space: Box, Discrete, MultiDiscrete or MultiBinary.
        **options
            ``store_as``, ``sample_as`` and ``divisor``, as for the class.

        Raises
        ------
        ValueError
            Another space, or options that do not go with its dtype.

        Examples
        --------
        >>> import gymnasium as gym, numpy as np, sharpwave as sw
        >>> screen = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
        >>> sw.Field.like(screen, sample_as="float32").sample_as
        dtype('float32')
        """
        kinds = {kind.__name__ for kind in type(space).__mro__}
        if not kinds & ARRAY_SPACES:
            raise ValueError(
                f"space: expected a Box, Discrete, MultiDiscrete or MultiBinary space, got "
                f"{space!r}; of a Dict or Tuple space, make a dict or tuple of fields"
            )
        if "MultiBinary" in kinds:
            options.setdefault("store_as", "bits")
        return cls(space.shape, space.dtype, **options)

    def __repr__(self) -> str:
        options = {name: getattr(self, name) for name in ("store_as", "sample_as", "divisor")}
        given = [f", {name}={value!r}" for name, value in options.items() if value is not None]
        return f"Field(shape={self.shape!r}, dtype={self.dtype!r}{''.join(given)})"


def _checked_shape(shape: tuple[int, ...] | int, itemsize: int) -> tuple[int, ...]:
    try:
        given = shape if isinstance(shape, Iterable) else (shape,)
        extents = tuple(operator.index(extent) for extent in given)
    except TypeError:
        extents = (0,)
    if any(extent < 1 for extent in extents):
        raise ValueError(f"shape: expected extents of at least 1, got {shape!r}")
    if math.prod(extents) * itemsize >= _LARGEST_ROW:
        raise ValueError(f"shape: one row of {shape!r} has more bytes than any machine")
    return extents


def _checked_dtype(dtype: DTypeLike) -> np.dtype[np.generic]:
    checked = np.dtype(dtype)
    if checked.kind not in "biufc":
        raise ValueError(f"dtype: expected a boolean or a number, got {checked}")
    return checked


def _checked_storage(store_as: str | None, dtype: np.dtype[np.generic]) -> str | None:
    if store_as is None or dtype in _STORAGES.get(store_as, ()):
        return store_as
    fitting = [repr(storage) for storage, dtypes in _STORAGES.items() if dtype in dtypes]
    raise ValueError(
        f"store_as: expected {' or '.join(['None', *fitting])} for a field of {dtype}, "
        f"got {store_as!r}"
    )


def _checked_sampled(
    sample_as: DTypeLike | None, dtype: np.dtype[np.generic], store_as: str | None
) -> np.dtype[np.generic] | None:
    if sample_as is None or np.dtype(sample_as) == dtype:
        return None
    is_widened = store_as in _WIDENED_STORAGES if store_as else dtype in _WIDENED_DTYPES
    if is_widened and np.dtype(sample_as) == np.float32:
        return np.dtype(np.float32)
    wanted = f"{dtype} or float32" if is_widened else str(dtype)
    storage = f" stored as {store_as}" if store_as else ""
    raise ValueError(
        f"sample_as: expected {wanted} for a field of {dtype}{storage}, got {sample_as!r}"
    )


def _checked_divisor(
    divisor: float | None,
    dtype: np.dtype[np.generic],
    sample_as: np.dtype[np.generic] | None,
) -> float | None:
    if divisor is None:
        return None
    if dtype != np.uint8 or sample_as is None:
        raise ValueError(
            "divisor: expected a field of uint8 with sample_as='float32', got "
            f"{dtype} with sample_as={sample_as}"
        )
    try:
        with np.errstate(all="ignore"):
            single = np.float32(float(divisor))
    except (TypeError, ValueError, OverflowError):
        single = np.float32(np.nan)
    if not (np.isfinite(single) and single > 0):
        raise ValueError(f"divisor: expected a positive number of float32, got {divisor!r}")
    return float(divisor)
