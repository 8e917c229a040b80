"""Batches on their way to a CUDA device: one pinned block, one transfer that nobody waits for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sharpwave._nest import map_leaves

if TYPE_CHECKING:
    import torch

_LINE = 64  # bytes; every column starts on a line, so that any dtype may be read there


def send(columns: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Return the same nest of CPU tensors on a CUDA device, before they have arrived.

    The columns are copied into a pinned block, which is what the device reads: they may be filled
    again at once. The block is PyTorch's, whose allocator of pinned memory gives it to nobody else
    before the event behind the transfer has passed. Work that is queued on the current stream finds
    the columns there; they share one block on the device.
    """
    import torch

    staged = torch.empty(_bytes_of(columns), dtype=torch.uint8, pin_memory=True)
    pack(columns, staged)
    return unpack(columns, staged.to(device, non_blocking=True))


def pack(columns: dict[str, Any], block: torch.Tensor) -> None:
    """Copy the columns into a block of bytes, one behind the other."""
    for tensor, begin in _places(columns):
        _column(block, begin, tensor).copy_(tensor)


def unpack(columns: dict[str, Any], block: torch.Tensor) -> dict[str, Any]:
    """Return the nest of ``columns`` with views of a packed block in the place of its tensors."""
    begins = iter([begin for _, begin in _places(columns)])
    nest: dict[str, Any] = map_leaves(lambda tensor: _column(block, next(begins), tensor), columns)
    return nest


def _bytes_of(columns: dict[str, Any]) -> int:
    tensor, begin = _places(columns)[-1]
    return begin + _size(tensor)


def _places(columns: dict[str, Any]) -> list[tuple[torch.Tensor, int]]:
    tensors: list[torch.Tensor] = []
    map_leaves(tensors.append, columns)
    places, begin = [], 0
    for tensor in tensors:
        places.append((tensor, begin))
        begin += math.ceil(_size(tensor) / _LINE) * _LINE
    return places


def _column(block: torch.Tensor, begin: int, like: torch.Tensor) -> torch.Tensor:
    return block[begin : begin + _size(like)].view(like.dtype).view(like.shape)


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
