"""Dicts and tuples of arrays, as Dict and Tuple spaces nest them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """Return the same nest with ``function`` applied to everything that is no dict or tuple."""
    if isinstance(nest, dict):
        return {key: map_leaves(function, child) for key, child in nest.items()}
    if isinstance(nest, tuple):
        return tuple(map_leaves(function, child) for child in nest)
    return function(nest)


def named_leaves(name: str, nest: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a nest with their names, as the buffer's errors write them."""
    if isinstance(nest, dict):
        for key, child in nest.items():
            yield from named_leaves(f"{name}[{key!r}]", child)
    elif isinstance(nest, tuple):
        for i, child in enumerate(nest):
            yield from named_leaves(f"{name}[{i}]", child)
    else:
        yield name, nest
