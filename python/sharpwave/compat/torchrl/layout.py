"""Which column of a table each value of a TensorDict lies in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict, is_tensor_collection
from torch.utils._pytree import tree_map

Layout: TypeAlias = dict[str, Any]  # a key's column, or the Layout of a nested TensorDict


def mapped(function: Callable[[torch.Tensor], torch.Tensor], tree: Any) -> Any:
    """Return a TensorDict, a tensorclass or nested containers with their tensors replaced."""
    return tree.apply(function) if is_tensor_collection(tree) else tree_map(function, tree)


def leaves_of(tree: Any) -> list[torch.Tensor]:
    """Return the tensors of a tree, in the order in which ``mapped`` comes to them."""
    leaves: list[torch.Tensor] = []

    def keep(leaf: torch.Tensor) -> torch.Tensor:
        leaves.append(leaf)
        return leaf

    mapped(keep, tree)
    return leaves


def layout_of(tree: Any, columns: dict[int, str]) -> Layout | None:
    """Return the layout of a TensorDict, given the column of each tensor by its ``id``.

    None: other kinds of trees, names of dimensions, a nested batch size of its own, a value without
    a column. A layout does not say all of those.
    """
    if type(tree) is not TensorDict or tree.batch_dims != 1 or any(tree.names):
        return None
    layout = {key: columns.get(id(v)) or layout_of(v, columns) for key, v in tree.items()}
    return None if None in layout.values() else layout


def collect(data: Any, layout: Layout, values: list[NDArray[np.generic]]) -> bool:
    """Append the arrays of a TensorDict in the order of the columns; False: it has other keys."""
    if type(data) is not TensorDict or len(data._tensordict) != len(layout):
        return False
    for key, column in layout.items():
        value = data._tensordict.get(key)
        if value is None:
            return False
        if type(column) is str:
            values.append(value.numpy())
        elif not collect(value, column, values):
            return False
    return True


def filled(layout: Layout, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Return what a TensorDict of this layout is made of."""
    return {
        key: tensors[column] if type(column) is str else filled(column, tensors)
        for key, column in layout.items()
    }
