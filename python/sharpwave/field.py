"""Field: the shape and dtype of one column."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_LARGEST_ROW = 2**62


@dataclass(frozen=True)
class Field:
    """The shape and dtype of one value of a column.

    Parameters
    ----------
    shape : tuple of int or int
        The shape of one row's value; ``()`` for a single number.
    dtype : dtype-like
        Any boolean, integer, floating or complex dtype of fixed size.

    Raises
    ------
    ValueError
        An extent below 1, or a dtype that is not a number's.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Field((84, 84), "uint8")
    Field(shape=(84, 84), dtype=dtype('uint8'))
    """

    shape: tuple[int, ...] = ()
    dtype: np.dtype[np.generic] = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, ...] | int = (), dtype: DTypeLike = np.float32) -> None:
        object.__setattr__(self, "dtype", _checked_dtype(dtype))
        object.__setattr__(self, "shape", _checked_shape(shape, self.dtype.itemsize))


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
