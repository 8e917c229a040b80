"""One contender in a process of its own: ``python -m bench.worker NAME``, a JSON object a line in and out.

Requests and answers::

    {"do": "make", "data": "vectors", "kinds": {"sample": {...}}}  {"label": ..., "version": ..., "operations": [...]}
    {"do": "check"}                                     {"checked": [...]}
    {"do": "calibrate", "operation": ..., "seconds": .03}  {"calls": ..., "took": seconds a call}
    {"do": "time", "operation": ..., "calls": ...}      {"ns": per call, "faults": per call,
                                                         "waited": share of the time without a processor}

A contender that is not installed answers ``{"missing": why}``, anything else that fails ``{"error": traceback}``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bench import checks, frames, workloads
from bench.kinds import DATA, Data, Kind
from bench.peers import MODULES
from bench.workloads import Loop, Rows


def make_data(data: Data, rows: int) -> Rows | None:
    if data.sort == "values":
        return None
    if data.sort == "vectors":
        return workloads.make_rows(rows, data.obs, data.action)
    return {"stacks": frames.make_stacks, "frames": frames.make_frames}[data.sort](rows)


class Contender:
    """What a worker holds: the contender's module, its filled buffers, and the loops of its operations."""

    def __init__(self, name: str) -> None:
        self.module: ModuleType = importlib.import_module(MODULES[name])
        self.loops: dict[str, Loop] = {}
        self.rows: Rows | None = None
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        one_thread()

    def make(self, data: str, kinds: dict[str, Any], rows: int = 0) -> dict[str, Any]:
        able = {name: Kind(**fields) for name, fields in kinds.items()}
        able = {name: kind for name, kind in able.items() if self.can(name, kind)}
        sorts = dict.fromkeys(kind.buffer for kind in able.values() if kind.data != "values")
        if sorts:
            self.rows = make_data(DATA[data], rows)
        buffers, bytes_ = {}, {}
        for sort in sorts:
            before = resident()
            buffers[sort] = self.module.make(sort, self.rows)
            bytes_[sort] = resident() - before
        held = min(getattr(self.module, "MOST", 2**62), len(self.rows)) if self.rows else 1
        for name, kind in able.items():
            self.loops |= dict(self.operations(name, kind, buffers.get(kind.buffer)))
        return {
            "label": self.module.label,
            "version": self.module.version(),
            "operations": list(self.loops),
            "loses_final": list(getattr(self.module, "loses_final", ())),
            "memory": {sort: round(total / held, 1) for sort, total in bytes_.items()},
        }

    def can(self, name: str, kind: Kind) -> bool:
        lacks = getattr(self.module, "lacks", ())
        return hasattr(self.module, kind.work or name) and name not in lacks

    def operations(self, name: str, kind: Kind, buffer: Any) -> Iterator[tuple[str, Loop]]:
        work = getattr(self.module, kind.work or name)
        if not kind.sizes:
            yield name, work(buffer, *self.given(name, kind))
        for size in kind.sizes:
            made = work(values_of(size)) if kind.data == "values" else work(buffer, size)
            for form, loop in made.items():
                if form in (*kind.forms, "memcpy"):
                    yield f"{name}/{size}/{form}", loop

    def given(self, name: str, kind: Kind) -> tuple[Any, ...]:
        """What an operation without sizes gets beside the buffer."""
        if name in ("save", "load"):
            return (Path(self.folder.name) / name,)
        if name == "stacks_add":
            return frames.make_stack_walk(), np.int64(0)
        assert self.rows is not None
        many = tuple(map(int, kind.buffer.split("_")[1:]))  # (16,) of "envs_16"
        walk = workloads.make_walk((*many, *self.rows.obs.shape[1:]))
        return walk, np.zeros((*many, *self.rows.action.shape[1:]), np.float32)

    def check(self) -> dict[str, Any]:
        """Draws by every loop, or computes a target, and compares that with what must come out."""
        checked = [name for name in self.loops if not is_silent(name)]
        for operation in checked:
            loop = self.loops[operation]
            keeps_final = operation.split("/")[0] not in getattr(self.module, "loses_final", ())
            columns = getattr(self.module, "columns", dict)
            held = getattr(self.module, "MOST", None)
            checks.check(operation, loop, columns, self.rows, keeps_final, held)
        self.rows = None
        return {"checked": checked}

    def calibrate(self, operation: str, seconds: float) -> dict[str, Any]:
        """How many calls take this long, from ever longer trials."""
        calls, elapsed = 1, timed(self.loops[operation], 1)
        while elapsed < seconds / 4:
            calls = 2 * calls
            elapsed = timed(self.loops[operation], calls)
        return {"calls": max(1, round(calls * seconds / elapsed)), "took": elapsed / calls}

    def time(self, operation: str, calls: int) -> dict[str, Any]:
        loop = self.loops[operation]
        if getattr(self.module, "draws_ahead", False):
            loop(calls)  # what it drew while others were timed is used up
        elif calls >= 20:
            loop(calls // 20)  # this process has just woken up
        faults, busy = page_faults(), time.process_time()
        elapsed = timed(loop, calls)
        faults, busy = page_faults() - faults, time.process_time() - busy
        return {
            "ns": round(elapsed * 1e9 / calls, 2),
            "faults": round(faults / calls, 4),
            "waited": round(max(0, 1 - busy / elapsed), 3),
        }


def values_of(size: str) -> workloads.Values:
    batch, width = map(int, size.split("x"))
    return workloads.make_values(batch, width)


def is_silent(operation: str) -> bool:
    """Whether it gives nothing back that could be checked."""
    kind = operation.split("/", maxsplit=1)[0]
    return "add" in kind.split("_") or kind == "save" or operation.endswith("memcpy")


def timed(loop: Loop, calls: int) -> float:
    start = time.perf_counter()
    loop(calls)
    return time.perf_counter() - start


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def page_faults() -> int:
    import resource  # not on Windows, where nothing else here works either

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def one_thread() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def serve(name: str) -> None:
    """Answers requests until the input ends."""
    # what a contender prints must not get between the answers
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    contender: Contender | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            contender = contender or Contender(name)
            answer = getattr(contender, request.pop("do"))(**request)
        except ImportError as error:
            answer = {"missing": str(error).splitlines()[0]}
        except Exception:  # noqa: BLE001  the asker raises it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    serve(sys.argv[1])
