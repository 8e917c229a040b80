"""The C++ of the limits, compiled on the spot and kept in ``bench/.cache``."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from bench.frames import FRAME_BYTES
from bench.workloads import ACTION_DIM, OBS_DIM

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
FLAGS = (
    "-std=c++20",
    "-O3",
    "-march=native",
    f"-DOBS={OBS_DIM}",
    f"-DACTION={ACTION_DIM}",
    f"-DFRAME={FRAME_BYTES}",
)


def compiler() -> str:
    """The system's C++ compiler."""
    found = os.environ.get("CXX") or shutil.which("c++")
    if found is None:
        raise ImportError("no C++ compiler: install one or name it in CXX")
    return found


@functools.cache
def version() -> str:
    line = subprocess.run(
        [compiler(), "--version"], check=True, capture_output=True, text=True
    ).stdout
    return f"{line.splitlines()[0]}, {' '.join(FLAGS)}"


@functools.cache
def library(*names: str) -> ctypes.CDLL:
    """These sources as one library, from the cache when they, compiler and flags are those of the last time."""
    sources = [HERE / name for name in names]
    text = "".join(source.read_text() for source in sources) + version()
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = CACHE / f"{sources[0].stem}-{key}.so"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        scratch = path.with_suffix(f".{os.getpid()}")
        command = [compiler(), *FLAGS, "-shared", "-fPIC", *map(str, sources), "-o", str(scratch)]
        if subprocess.run(command, check=False).returncode != 0:
            raise ImportError(f"{names[0]} does not compile here; it is written for GCC")
        scratch.replace(path)
    return ctypes.CDLL(str(path))
