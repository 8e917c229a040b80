"""The machine's limit: ``limit.cpp``, ``limit_td.cpp`` and ``limit_frames.cpp`` as one more contender.

Its calls are made by a loop in C++, so that Python costs nothing; its output is checked like everyone's.
"""

from __future__ import annotations

import ctypes
import functools
import os

import numpy as np

from bench import limit_frames
from bench.compiled import library, version
from bench.workloads import ACTION_DIM, GAMMA, OBS_DIM, Array, Loop, Rows, Values

__all__ = ["columns", "make", "sample", "sequences", "stacks", "td", "version"]

label = "C++ loop"
stacks, sequences = limit_frames.stacks, limit_frames.sequences

COLUMNS = {
    "obs": (np.float32, (OBS_DIM,)),
    "action": (np.float32, (ACTION_DIM,)),
    "reward": (np.float32, ()),
    "next_obs": (np.float32, (OBS_DIM,)),
    "terminated": (np.bool_, ()),
    "truncated": (np.bool_, ()),
    "discount": (np.float32, ()),
    "index": (np.int64, ()),
}


class Columns(ctypes.Structure):
    """Where each column of a batch lies, in the order of the struct in ``limit.cpp``."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("obs", "action", "reward", "next_obs")] + [
        (name, ctypes.c_void_p) for name in ("terminated", "truncated", "discount", "index")
    ]


@functools.cache
def loops() -> ctypes.CDLL:
    """The compiled loops over vectors and targets."""
    loaded = library("limit.cpp", "limit_td.cpp")
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    loaded.limit_make.argtypes = [integer, *[pointer] * 6, ctypes.c_float, ctypes.c_uint64]
    loaded.limit_make.restype = pointer
    loaded.limit_free.argtypes = [pointer]
    loaded.limit_free.restype = None
    loaded.limit_sample.argtypes = [pointer, ctypes.POINTER(Columns), integer, integer]
    loaded.limit_sample.restype = None
    loaded.limit_target.argtypes = [*[pointer] * 5, integer, integer, integer]
    loaded.limit_target.restype = None
    return loaded


class Table:
    """The filled records."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __del__(self) -> None:
        loops().limit_free(self.handle)


def make(buffer: str, rows: Rows) -> Table | limit_frames.Store:
    if buffer in ("stacks", "frames"):
        return limit_frames.make(rows)
    seed = int.from_bytes(os.urandom(8), "little")
    pointers = [column.ctypes.data for column in vars(rows).values()]
    handle = loops().limit_make(len(rows), *pointers, GAMMA, seed)
    if handle is None:
        raise MemoryError(f"no room for {len(rows)} rows")
    return Table(handle)


def block(size: int) -> dict[str, Array]:
    """The columns of a batch, one behind the other, each on a cache line of its own."""
    memory = np.zeros(size * 256 + 64 * len(COLUMNS), np.uint8)
    at = -memory.ctypes.data % 64
    columns: dict[str, Array] = {}
    for name, (dtype, shape) in COLUMNS.items():
        width = int(np.prod(shape)) * np.dtype(dtype).itemsize
        columns[name] = memory[at : at + size * width].view(dtype).reshape(size, *shape)
        at += -(-size * width // 64) * 64
    return columns


def sample(table: Table, size: int) -> dict[str, Loop]:
    run, out = loops().limit_sample, block(size)
    where = Columns(*(out[name].ctypes.data for name, _ in Columns._fields_))

    def arrays(calls: int) -> dict[str, Array]:
        run(table.handle, where, size, calls)
        return out

    return {"arrays": arrays}


def columns(batch: dict[str, Array]) -> dict[str, Array]:
    return batch


def td(values: Values) -> dict[str, Loop]:
    out = np.empty_like(values.reward)

    def run(calls: int, next_q_target: Array | None) -> Array:
        arrays = (values.reward, values.discount, values.next_q, next_q_target, out)
        pointers = [None if array is None else array.ctypes.data for array in arrays]
        loops().limit_target(*pointers, *values.next_q.shape, calls)
        return out

    return {
        "target/arrays": functools.partial(run, next_q_target=None),
        "double_target/arrays": functools.partial(run, next_q_target=values.next_q_target),
    }
