"""The rules by which values become a field's dtype, and the words of their errors.

The compiled module comes here for what it cannot read in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cast(
    value: Any,
    name: str,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    lead: tuple[int, ...],
    last_optional: bool,
) -> NDArray[np.generic]:
    """Return ``value`` as a contiguous array of this dtype and of shape ``lead + shape``.

    With ``last_optional`` the last axis of ``lead``, then of length 1, may be missing.
    """
    array = _as_array(value, name)
    expected = [lead + shape, *([lead[:-1] + shape] if last_optional else [])]
    if array.shape not in expected:
        wanted = " or ".join(map(str, expected))
        raise ValueError(f"{name}: expected shape {wanted}, got {array.shape}")
    return np.asarray(_convert(array, name, dtype), order="C")


def _as_array(value: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of one shape, got {value!r}") from error
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name}: expected numbers, got {value!r}")
    return array


def _convert(array: NDArray[Any], name: str, dtype: np.dtype[np.generic]) -> NDArray[Any]:
    if array.dtype == dtype:
        return array
    is_exact = dtype.kind in "biu" and array.dtype.kind != "c"
    if not (is_exact or np.can_cast(array.dtype, dtype, "same_kind")):
        raise ValueError(f"{name}: expected {dtype}, got {array.dtype}, which would lose a part")
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
    if is_exact:
        held, rule = np.equal(converted, array), "holds exactly"
    else:
        held, rule = np.isfinite(converted) | ~np.isfinite(array), "can hold"
    if not held.all():
        raise ValueError(
            f"{name}: expected values that {dtype} {rule}, got {array[~held].flat[0].item()!r}; "
            "convert it first, or give the field a wider dtype"
        )
    return converted
