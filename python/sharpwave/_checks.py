"""The arguments of a buffer, checked: what is wrong with one is said in one place."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from copy import copy
from typing import Any

from sharpwave.batch import Batch
from sharpwave.field import Field
from sharpwave.samplers import (
    Prioritized,
    RankPrioritized,
    Recency,
    Sampler,
    Uniform,
    WithoutReplacement,
)
from sharpwave.spaces import FieldTree, leaves_of

# Names that a batch or a call already has.
_TAKEN = {
    "obs", "action", "reward", "next_obs", "terminated", "truncated", "discount", "index",
    "weight", "mask", "info", "env_ids", "self", *(name for name in dir(Batch)),
}  # fmt: skip

_LARGEST = 2**63 - 1
_LARGEST_STACK = 64
_SAMPLERS = (Uniform, Prioritized, RankPrioritized, WithoutReplacement, Recency)


def single(env: Any, name: str) -> Any:
    return getattr(env, f"single_{name}", None) or getattr(env, name)


def checked_sampler(sampler: Sampler | None) -> Sampler:
    if sampler is None:
        return Uniform()
    if type(sampler) not in _SAMPLERS:
        names = ", ".join(f"sharpwave.{kind.__name__}()" for kind in _SAMPLERS)
        raise ValueError(f"sampler: expected one of {names}, got {sampler!r}")
    return copy(sampler)


def check_kind(name: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"{name}: expected a sharpwave.{kind.__name__} or None, got {value!r}")


def checked_gamma(gamma: float) -> float:
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma: expected a number from 0 to 1, got {gamma!r}")
    return float(gamma)


def frames(obs: FieldTree, frame_stack: int | None) -> list[int]:
    """Return for each leaf of the observation how many frames it stacks, 0 for none."""
    fields = leaves_of(obs)
    if frame_stack is None:
        return [0] * len(fields)
    depth = checked_count("frame_stack", frame_stack)
    if depth > _LARGEST_STACK:
        raise ValueError(f"frame_stack: expected at most {_LARGEST_STACK} frames, got {depth}")
    least = 1 if len(fields) == 1 else 2
    stacks = [
        len(f.shape) >= least and f.shape[0] == depth and f.store_as != "bits" for f in fields
    ]
    if not any(stacks):
        shapes = ", ".join(str(field.shape) for field in fields)
        raise ValueError(
            f"frame_stack: expected observations that are stacks of {depth} frames along axis 0, "
            f"got {shapes}; stack them before adding (gymnasium.wrappers.FrameStackObservation)"
        )
    return [depth if is_stack else 0 for is_stack in stacks]


def checked_count(name: str, value: int) -> int:
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
    if count > _LARGEST:
        raise MemoryError(f"{name}: no machine holds {count} of anything; lower it")
    return count


def checked_seed(seed: int | None) -> int:
    if seed is None:
        return int.from_bytes(os.urandom(8), "little")
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**64:
        raise ValueError(f"seed: expected an integer from 0 to 2**64 - 1 or None, got {seed!r}")
    return number


def checked_extras(extra_fields: Mapping[str, Field]) -> dict[str, Field]:
    for name, field in extra_fields.items():
        if not isinstance(field, Field):
            raise ValueError(f"extra_fields[{name!r}]: expected a sharpwave.Field, got {field!r}")
        if not name.isidentifier() or name in _TAKEN:
            raise ValueError(f"extra_fields: {name!r} cannot be a field's name; choose another")
    return dict(extra_fields)
