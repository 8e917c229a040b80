"""The files of ``save_transitions``: cpprb's format 1, written and read without cpprb."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
File: TypeAlias = str | os.PathLike[str] | IO[bytes]

FORMAT = 1

# what pickled arrays name: found under numpy, under whatever module this NumPy keeps them in
_ARRAYS = ("_reconstruct", "_frombuffer", "scalar", "ndarray", "dtype")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in _ARRAYS:
            return super().find_class(module, name)
        raise ValueError(f"expected a file of transitions, but it names {module}.{name}")


def read(file: File) -> dict[str, Any]:
    """Read an archive in which cpprb pickles dicts of arrays; nothing else is unpickled.

    Raises
    ------
    ValueError
        A file that is of another format, or that names anything but arrays.
    """
    contents: dict[str, Any] = {}
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise ValueError("expected a file that save_transitions wrote") from None
    with archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                contents[member.removesuffix(".npy")] = _read_member(stream)
    if contents.get("version") != FORMAT:
        raise ValueError(f"Unknown Format Version: {contents.get('version')}")
    return contents


def _read_member(stream: IO[bytes]) -> Any:
    major, _ = np.lib.format.read_magic(stream)
    _, _, dtype = getattr(np.lib.format, f"read_array_header_{major}_0")(stream)
    if dtype.hasobject:
        value = _Unpickler(stream).load()
    else:
        stream.seek(0)
        value = np.lib.format.read_array(stream, allow_pickle=False)
    return value.item() if value.ndim == 0 else value


def write(
    file: File,
    rows: Mapping[str, Array],
    *,
    is_n_step: bool,
    cache: Mapping[int, Mapping[str, Array]] | None,
    next_of: Iterable[str],
) -> None:
    """Write rows; with a cache, the successors that are not the rows behind them."""
    followed = np.array(list(next_of)) if next_of and cache is not None else None
    contents: dict[str, Any] = {
        "safe": cache is None,
        "version": FORMAT,
        "data": dict(rows),
        "Nstep": is_n_step,
        "cache": cache,
        "next_of": followed,
    }
    np.savez_compressed(file, **contents)


def rows_of(contents: Mapping[str, Any]) -> dict[str, Array]:
    """Return the rows of a file as they were added, whether their successors are in it or not."""
    rows: dict[str, Array] = dict(contents["data"])
    if contents["safe"]:
        return rows
    cache: Mapping[int, Mapping[str, Array]] = contents["cache"]
    for row, values in cache.items():  # stacks that others overwrote
        for name in values.keys() & rows.keys():
            rows[name][row] = values[name]
    for name in contents["next_of"] if contents["next_of"] is not None else ():
        successors = np.roll(rows[name], -1, axis=0)
        for row, values in cache.items():
            successors[row] = values[f"next_{name}"]
        rows[f"next_{name}"] = successors
    return rows
