"""The machine's limit with frames: ``limit_frames.cpp`` as loops over stacks and sequences."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.compiled import library
from bench.workloads import Array, Loop, Rows

INT64 = np.int64


class RowPlaces(ctypes.Structure):
    """``Rows`` in ``limit_frames.cpp``."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("frames", "next_frames", "end")] + [
        (name, ctypes.c_int64) for name in ("count", "depth")
    ]


class Out(ctypes.Structure):
    """``Out`` in ``limit_frames.cpp``."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("obs", "next_obs", "reward", "mask")]


@dataclass
class Store:
    """The stored frames, and which of them each row has."""

    handle: int
    places: RowPlaces
    shape: tuple[int, ...]  # of an observation
    kept: tuple[Array, ...]  # what places points to

    def __del__(self) -> None:
        loops().limit_frames_free(ctypes.c_void_p(self.handle))


def loops() -> ctypes.CDLL:
    return library("limit_frames.cpp")


def make(rows: Rows) -> Store:
    make_store = loops().limit_frames_make
    make_store.restype = ctypes.c_void_p
    seed = ctypes.c_uint64(int.from_bytes(os.urandom(8), "little"))
    frames = np.ascontiguousarray(rows.obs.frames)
    handle = make_store(ctypes.c_void_p(frames.ctypes.data), ctypes.c_int64(len(frames)), seed)
    if handle is None:
        raise MemoryError(f"no room for {len(frames)} frames")
    ended = rows.terminated | rows.truncated
    ends = np.append(np.flatnonzero(ended) + 1, len(rows))
    end = ends[np.searchsorted(ends, np.arange(len(rows)), side="right")]
    kept = tuple(
        np.ascontiguousarray(places, INT64)
        for places in (rows.obs.places, rows.next_obs.places, end)
    )
    depth = rows.obs.places[0].size
    places = RowPlaces(*(array.ctypes.data for array in kept), len(rows), depth)
    return Store(handle, places, rows.obs.shape[1:], kept)


def blocks(store: Store, size: int) -> tuple[list[dict[str, Array]], Any]:
    """Two batches, and where they lie."""

    def batch() -> dict[str, Array]:
        return {
            "obs": touched(size, store.shape),
            "next_obs": touched(size, store.shape),
            "reward": np.zeros(size, np.float32),
            "mask": np.ones(size, bool),
        }

    batches = [batch(), batch()]
    places = (Out * 2)(*(Out(*(column.ctypes.data for column in b.values())) for b in batches))
    return batches, places


def touched(size: int, shape: tuple[int, ...]) -> Array:
    """Bytes on a line of their own, touched."""
    total = size * int(np.prod(shape))
    memory = np.ones(total + 64, np.uint8)
    at = -memory.ctypes.data % 64
    return memory[at : at + total].reshape(size, *shape)


def call(name: str, store: Store, *arguments: Any) -> None:
    numbers = [ctypes.c_int64(a) if isinstance(a, int) else a for a in arguments]
    getattr(loops(), name)(ctypes.c_void_p(store.handle), *numbers)


def stacks(store: Store, size: int) -> dict[str, Loop]:
    batches, places = blocks(store, size)
    count = size * store.shape[0]

    def arrays(calls: int) -> dict[str, Array]:
        call("limit_stacks", store, ctypes.byref(store.places), places, size, calls)
        batch = batches[(calls - 1) % 2]
        return {name: column for name, column in batch.items() if name != "mask"}

    return {"tensors": arrays, "memcpy": memcpy(store, places, count)}


def sequences(store: Store, size: str) -> dict[str, Loop]:
    count, length = map(int, size.split("x"))
    batches, places = blocks(store, count * length)

    def arrays(calls: int) -> dict[str, Array]:
        call("limit_sequences", store, ctypes.byref(store.places), places, count, length, calls)
        batch = batches[(calls - 1) % 2]
        return {
            name: column.reshape(count, length, *column.shape[1:]) for name, column in batch.items()
        }

    return {"tensors": arrays, "memcpy": memcpy(store, places, count * length)}


def memcpy(store: Store, places: Any, frames: int) -> Loop:
    return lambda calls: call("limit_memcpy", store, places, frames, calls)
