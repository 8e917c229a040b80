"""Where the values of a space may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bounds: TypeAlias = tuple[NDArray[Any], NDArray[Any]]


def bounds_of(space: Any, name: str) -> dict[str, Bounds]:
    """Return the lowest and highest values of each leaf that has any, by its name in a batch.

    Spaces are recognized as in spaces.py, by the names of their classes; a Field says nothing.
    """
    children = getattr(space, "spaces", space)
    if isinstance(children, Mapping):
        parts = [bounds_of(child, f"{name}[{key!r}]") for key, child in children.items()]
    elif isinstance(children, tuple):
        parts = [bounds_of(child, f"{name}[{i}]") for i, child in enumerate(children)]
    else:
        limits = _limits(space)
        return {} if limits is None else {name: limits}
    return {path: limits for part in parts for path, limits in part.items()}


def _limits(space: Any) -> Bounds | None:
    kinds = {kind.__name__ for kind in type(space).__mro__}
    start = np.asarray(getattr(space, "start", 0))
    if "Discrete" in kinds:
        return start, start + space.n - 1
    if "MultiDiscrete" in kinds:
        return start, start + space.nvec - 1
    if "MultiBinary" in kinds:
        return np.zeros(space.shape, np.int8), np.ones(space.shape, np.int8)
    if "Box" in kinds and not _covers(space):
        return np.asarray(space.low), np.asarray(space.high)
    return None


def _covers(box: Any) -> bool:
    """Whether every value of the dtype lies in the box."""
    dtype = np.dtype(box.dtype)
    limits: tuple[float, float] = (-np.inf, np.inf)
    if dtype.kind == "b":
        limits = (0, 1)
    elif dtype.kind in "iu":
        limits = (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return bool((box.low == limits[0]).all() and (box.high == limits[1]).all())
