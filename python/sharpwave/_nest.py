"""Dicts and tuples of arrays, as Dict and Tuple spaces nest them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """Return the same nest with ``function`` applied to everything that is no dict or tuple."""
    if isinstance(nest, dict):
        return {key: map_leaves(function, child) for key, child in nest.items()}
    if isinstance(nest, tuple):
        return tuple(map_leaves(function, child) for child in nest)
    return function(nest)
