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
from bench.workloads import GAMMA, Array, Loop, Rows, Values

__all__ = ["columns", "double_target", "make", "sample", "sequences", "stacks", "target", "version"]

label = "C++ loop"
stacks, sequences = limit_frames.stacks, limit_frames.sequences

COLUMNS: dict[str, type] = {
    "obs": np.float32,
    "action": np.float32,
    "reward": np.float32,
    "next_obs": np.float32,
    "terminated": np.bool_,
    "truncated": np.bool_,
    "discount": np.float32,
    "index": np.int64,
}


class Columns(ctypes.Structure):
    """Where each column of a batch lies, in the order of the struct in ``limit.cpp``."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("obs", "action", "reward", "next_obs")] + [
        (name, ctypes.c_void_p) for name in ("terminated", "truncated", "discount", "index")
    ]


@functools.cache
def loops(obs: int, action: int) -> ctypes.CDLL:
    """The compiled loops over vectors of these sizes."""
    loaded = library("limit.cpp", f"-DOBS={obs}", f"-DACTION={action}")
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    loaded.limit_make.argtypes = [integer, *[pointer] * 6, ctypes.c_float, ctypes.c_uint64]
    loaded.limit_make.restype = pointer
    loaded.limit_free.argtypes = [pointer]
    loaded.limit_free.restype = None
    loaded.limit_sample.argtypes = [pointer, ctypes.POINTER(Columns), integer, integer]
    loaded.limit_sample.restype = None
    return loaded


@functools.cache
def td_loops() -> ctypes.CDLL:
    """The compiled loops over targets."""
    loaded = library("limit_td.cpp")
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    loaded.limit_target.argtypes = [*[pointer] * 5, integer, integer, integer]
    loaded.limit_target.restype = None
    return loaded


class Table:
    """The filled records, and how wide observations and actions are."""

    def __init__(self, handle: int, obs: int, action: int) -> None:
        self.handle = handle
        self.widths = {"obs": obs, "next_obs": obs, "action": action}
        self.loops = loops(obs, action)

    def __del__(self) -> None:
        self.loops.limit_free(self.handle)


def make(buffer: str, rows: Rows) -> Table | limit_frames.Store:
    if buffer in ("stacks", "frames"):
        return limit_frames.make(rows)
    seed = int.from_bytes(os.urandom(8), "little")
    pointers = [column.ctypes.data for column in vars(rows).values()]
    widths = rows.obs.shape[1], rows.action.shape[1]
    handle = loops(*widths).limit_make(len(rows), *pointers, GAMMA, seed)
    if handle is None:
        raise MemoryError(f"no room for {len(rows)} rows")
    return Table(handle, *widths)


def block(size: int, widths: dict[str, int]) -> dict[str, Array]:
    """The columns of a batch, one behind the other, each on a cache line of its own."""
    counts = {
        name: widths.get(name, 1) * np.dtype(dtype).itemsize for name, dtype in COLUMNS.items()
    }
    memory = np.zeros(size * sum(counts.values()) + 64 * (len(COLUMNS) + 1), np.uint8)
    at = -memory.ctypes.data % 64
    columns: dict[str, Array] = {}
    for name, dtype in COLUMNS.items():
        bytes_ = size * counts[name]
        shape = (size, widths[name]) if name in widths else (size,)
        columns[name] = memory[at : at + bytes_].view(dtype).reshape(shape)
        at += -(-bytes_ // 64) * 64
    return columns


def sample(table: Table, size: int) -> dict[str, Loop]:
    run, out = table.loops.limit_sample, block(size, table.widths)
    where = Columns(*(out[name].ctypes.data for name, _ in Columns._fields_))

    def arrays(calls: int) -> dict[str, Array]:
        run(table.handle, where, size, calls)
        return out

    return {"arrays": arrays}


def columns(batch: dict[str, Array]) -> dict[str, Array]:
    return batch


def target(values: Values) -> dict[str, Loop]:
    return targets(values, None)


def double_target(values: Values) -> dict[str, Loop]:
    return targets(values, values.next_q_target)


def targets(values: Values, next_q_target: Array | None) -> dict[str, Loop]:
    out = np.empty_like(values.reward)
    arrays = (values.reward, values.discount, values.next_q, next_q_target, out)
    pointers = [None if array is None else array.ctypes.data for array in arrays]

    def run(calls: int) -> Array:
        td_loops().limit_target(*pointers, *values.next_q.shape, calls)
        return out

    return {"arrays": run}
