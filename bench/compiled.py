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

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
FLAGS = ("-std=c++20", "-O3", "-march=native", f"-DFRAME={FRAME_BYTES}")


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
def library(name: str, *flags: str) -> ctypes.CDLL:
    """This source as a library, from the cache when it, compiler and flags are those of the last time."""
    source = HERE / name
    text = source.read_text() + version() + " ".join(flags)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = CACHE / f"{source.stem}-{key}.so"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        scratch = path.with_suffix(f".{os.getpid()}")
        command = [compiler(), *FLAGS, *flags, "-shared", "-fPIC", str(source), "-o", str(scratch)]
        if subprocess.run(command, check=False).returncode != 0:
            raise ImportError(f"{name} does not compile here; it is written for GCC")
        scratch.replace(path)
    return ctypes.CDLL(str(path))
