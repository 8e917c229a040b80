"""The machine's limit: ``limit.cpp`` and ``limit_td.cpp`` compiled on the spot, as one more contender.

Its calls are made by a loop in C++, so that Python costs nothing; its output is checked like everyone's.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

from bench.workloads import ACTION_DIM, GAMMA, OBS_DIM, Array, Loop, Rows, Values

label = "C++ loop"

SOURCES = [Path(__file__).with_name(name) for name in ("limit.cpp", "limit_td.cpp")]
CACHE = Path(__file__).with_name(".cache")
FLAGS = ("-std=c++20", "-O3", "-march=native", f"-DOBS={OBS_DIM}", f"-DACTION={ACTION_DIM}")
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


def compiler() -> str:
    """The system's C++ compiler."""
    found = os.environ.get("CXX") or shutil.which("c++")
    if found is None:
        raise ImportError("no C++ compiler: install one or name it in CXX")
    return found


def version() -> str:
    line = subprocess.run(
        [compiler(), "--version"], check=True, capture_output=True, text=True
    ).stdout
    return f"{line.splitlines()[0]}, {' '.join(FLAGS)}"


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled loops, from ``bench/.cache`` when sources, compiler and flags are those of the last time."""
    text = "".join(source.read_text() for source in SOURCES) + version()
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = CACHE / f"limit-{key}.so"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        scratch = path.with_suffix(f".{os.getpid()}")
        command = [compiler(), *FLAGS, "-shared", "-fPIC", *map(str, SOURCES), "-o", str(scratch)]
        if subprocess.run(command, check=False).returncode != 0:
            raise ImportError("limit.cpp does not compile here; it is written for GCC")
        scratch.replace(path)
    loaded = ctypes.CDLL(str(path))
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

    handle: int | None = None

    def __del__(self) -> None:
        if self.handle is not None:
            library().limit_free(self.handle)


def make(capacity: int, obs_dim: int, action_dim: int) -> Table:
    if (obs_dim, action_dim) != (OBS_DIM, ACTION_DIM):
        raise ValueError(
            f"compiled for {OBS_DIM} and {ACTION_DIM} floats, got {obs_dim} and {action_dim}"
        )
    library()
    return Table()


def fill(table: Table, rows: Rows) -> None:
    seed = int.from_bytes(os.urandom(8), "little")
    pointers = [column.ctypes.data for column in vars(rows).values()]
    table.handle = library().limit_make(len(rows), *pointers, GAMMA, seed)
    if table.handle is None:
        raise MemoryError(f"no room for {len(rows)} rows")


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
    run, out = library().limit_sample, block(size)
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
        library().limit_target(*pointers, *values.next_q.shape, calls)
        return out

    return {
        "target/arrays": functools.partial(run, next_q_target=None),
        "double_target/arrays": functools.partial(run, next_q_target=values.next_q_target),
    }
