"""Random spaces and random values, made to be unpleasant.

Values are random bits, so floats include NaN with payloads, infinities and -0.0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from model import Leaf, Tree, leaves, map_tree

DTYPES = ("float32", "float64", "float16", "uint8", "int8", "uint16", "int32", "int64", "bool")
SHAPES = ((), (1,), (3,), (2, 2), (5, 1), (17,), (9, 7), (33, 31))
DISCRETE = Leaf((), "int64", values=6)
# So large that a few rows fill whatever the library takes from the system at a time.
FRAME = Leaf((65, 63), "float64")
FRAME_SHAPES = ((), (1,), (3,), (5, 1), (9, 7), (33, 31))


def random_tree(rng: np.random.Generator, depth: int = 2) -> Tree:
    """A Leaf, or with less and less probability a dict or a tuple of trees."""
    kind = rng.choice(["leaf", "frame", "discrete", "dict", "tuple"], p=[0.4, 0.1, 0.15, 0.25, 0.1])
    if kind == "frame":
        return FRAME
    if depth == 0 or kind == "leaf":
        return Leaf(SHAPES[rng.integers(len(SHAPES))], str(rng.choice(DTYPES)))
    if kind == "discrete":
        return DISCRETE
    parts = [random_tree(rng, depth - 1) for _ in range(rng.integers(1, 4))]
    # Names that are not in alphabetical order: a buffer that sorts them must sort back.
    return dict(zip("zam", parts, strict=False)) if kind == "dict" else tuple(parts)


def with_a_stack(rng: np.random.Generator, tree: Tree, frames: int) -> Tree:
    """The tree with one leaf in whose place is a stack of `frames` frames."""
    paths = leaves(tree)
    shapes = FRAME_SHAPES if len(paths) == 1 else FRAME_SHAPES[1:]
    shape = (frames, *shapes[rng.integers(len(shapes))])
    number, chosen = iter(range(len(paths))), rng.integers(len(paths))
    dtype = str(rng.choice(DTYPES))
    return map_tree(lambda leaf: Leaf(shape, dtype) if next(number) == chosen else leaf, tree)


def is_stack(tree: Tree, leaf: Leaf, frames: int | None) -> bool:
    """What the library takes for a stack: an axis of frames in front, of several axes or alone."""
    return leaf.shape[:1] == (frames,) and (len(leaf.shape) > 1 or isinstance(tree, Leaf))


def random_value(rng: np.random.Generator, leaf: Leaf) -> np.ndarray:
    """Random bits of the leaf's shape and dtype."""
    if leaf.dtype == "bool" or leaf.values:
        return np.asarray(rng.integers(0, leaf.values or 2, leaf.shape)).astype(leaf.dtype)
    size = int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize
    return np.frombuffer(rng.bytes(size), leaf.dtype).reshape(leaf.shape).copy()


def with_one_bit_changed(rng: np.random.Generator, tree: Tree) -> Tree:
    """A copy that differs in one bit of one leaf, often the sign of a number."""
    copy = map_tree(np.array, tree)
    _, leaf = leaves(copy)[rng.integers(len(leaves(copy)))]
    place = int(rng.integers(leaf.size))
    if leaf.dtype == np.int64 or leaf.dtype == bool:
        leaf.reshape(-1)[place] ^= True  # stays inside Discrete(6) and inside bool
    else:
        bits = leaf.reshape(-1).view(np.uint8)
        bits[(place + 1) * leaf.itemsize - 1] ^= 0x80
    return copy


def stack(rows: Sequence[Tree]) -> Tree:
    """One tree with a leading axis out of many trees."""
    return map_tree(lambda *parts: np.stack(parts), *rows)
