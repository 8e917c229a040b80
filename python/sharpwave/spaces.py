"""Gymnasium space to fields.

Spaces are recognized by their class names and read by their attributes, so neither Gymnasium nor
the older Gym has to be importable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sharpwave.field import ARRAY_SPACES, Field

FieldTree: TypeAlias = "Field | dict[Any, FieldTree] | tuple[FieldTree, ...]"


def fields_of(space: Any, name: str) -> FieldTree:
    """Describe how the values of a space are stored.

    Parameters
    ----------
    space
        A single environment's Gymnasium space (Box, Discrete, MultiDiscrete, MultiBinary, and Dict
        and Tuple of spaces), or a :class:`Field`, or a dict or tuple of those.
    name : str
        What an error calls it.

    Returns
    -------
    Field, dict or tuple
        Nested as the space is.

    Raises
    ------
    ValueError
        A space whose values are not arrays of one shape.
    """
    if isinstance(space, Field):
        return space
    if isinstance(space, Mapping):
        return {key: fields_of(child, f"{name}[{key!r}]") for key, child in space.items()}
    kinds = {kind.__name__ for kind in type(space).__mro__}
    if "Dict" in kinds:
        return fields_of(space.spaces, name)
    if "Tuple" in kinds or isinstance(space, tuple):
        children = getattr(space, "spaces", space)
        return tuple(fields_of(child, f"{name}[{i}]") for i, child in enumerate(children))
    if kinds & ARRAY_SPACES:
        return Field.like(space)
    raise ValueError(
        f"{name}: expected a Box, Discrete, MultiDiscrete, MultiBinary, Dict or Tuple space or a "
        f"sharpwave.Field, got {space!r}; wrap the environment so that its values are arrays of "
        "one shape"
    )


def leaves_of(fields: FieldTree) -> list[Field]:
    """Return the fields of a tree, depth first."""
    if isinstance(fields, Field):
        return [fields]
    children = fields.values() if isinstance(fields, dict) else fields
    return [leaf for child in children for leaf in leaves_of(child)]
