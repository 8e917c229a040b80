"""One contender in a process of its own: ``python -m bench.worker NAME``, a JSON object a line in and out.

Requests and answers::

    {"do": "make", "kinds": ["sample"], "rows": 1000}   {"label": ..., "version": ..., "operations": [...]}
    {"do": "check"}                                     {"checked": [...]}
    {"do": "calibrate", "operation": ..., "seconds": .03}  {"calls": ...}
    {"do": "time", "operation": ..., "calls": ...}      {"ns": per call, "faults": per call,
                                                         "waited": share of the time without a processor}

A contender that is not installed answers ``{"missing": why}``, anything else that fails ``{"error": traceback}``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from bench import workloads
from bench.workloads import Loop, Rows

MODULES = {
    "sharpwave": "bench.peers.sharpwave",
    "limit": "bench.limit",
    "sb3": "bench.peers.sb3",
    "rlox": "bench.peers.rlox",
    "cpprb": "bench.peers.cpprb",
    "numpy": "bench.peers.numpy_loop",
    "torch": "bench.peers.torch_eager",
}


class Contender:
    """What a worker holds: the contender's module, its filled buffer, and the loops of its operations."""

    def __init__(self, name: str) -> None:
        self.module: ModuleType = importlib.import_module(MODULES[name])
        self.loops: dict[str, Loop] = {}
        self.rows: Rows | None = None
        one_thread()

    def make(self, kinds: list[str], rows: int) -> dict[str, Any]:
        if not {"sample", "add"}.isdisjoint(kinds) and hasattr(self.module, "make"):
            self.rows = workloads.make_rows(rows)
            buffer = self.module.make(rows, workloads.OBS_DIM, workloads.ACTION_DIM)
            self.module.fill(buffer, self.rows)
            self.loops |= {
                name: loop
                for kind in kinds
                if kind != "td"
                for name, loop in self.buffered(kind, buffer)
            }
        if "td" in kinds and hasattr(self.module, "td"):
            self.loops |= dict(self.targets())
        return {
            "label": self.module.label,
            "version": self.module.version(),
            "operations": list(self.loops),
        }

    def buffered(self, kind: str, buffer: Any) -> Iterator[tuple[str, Loop]]:
        if kind == "add" and hasattr(self.module, "add"):
            yield "add", self.module.add(buffer, np.zeros(workloads.ACTION_DIM, np.float32))
        if kind == "sample":
            for size in workloads.BATCHES:
                for form, loop in self.module.sample(buffer, size).items():
                    yield f"sample/{size}/{form}", loop

    def targets(self) -> Iterator[tuple[str, Loop]]:
        for size in workloads.BATCHES:
            for actions in workloads.ACTIONS:
                for key, loop in self.module.td(workloads.make_values(size, actions)).items():
                    name, form = key.split("/")
                    yield f"{name}/{size}x{actions}/{form}", loop

    def check(self) -> dict[str, Any]:
        """Draws one batch, or computes one target, by every loop, and compares it with what must come out."""
        for operation, loop in self.loops.items():
            if operation.startswith("sample"):
                assert self.rows is not None
                check_batch(operation, self.module.columns(loop(1)), self.rows)
            elif operation != "add":
                check_target(operation, np.asarray(loop(1)))
        self.rows = None
        return {"checked": [operation for operation in self.loops if operation != "add"]}

    def calibrate(self, operation: str, seconds: float) -> dict[str, Any]:
        """How many calls take this long, from ever longer trials."""
        calls, elapsed = 1, 0.0
        while elapsed < seconds / 4:
            calls = 2 * calls
            elapsed = timed(self.loops[operation], calls)
        return {"calls": max(1, round(calls * seconds / elapsed))}

    def time(self, operation: str, calls: int) -> dict[str, Any]:
        loop = self.loops[operation]
        loop(max(1, calls // 20))  # this process has just woken up
        faults, busy = page_faults(), time.process_time()
        elapsed = timed(loop, calls)
        faults, busy = page_faults() - faults, time.process_time() - busy
        return {
            "ns": round(elapsed * 1e9 / calls, 2),
            "faults": round(faults / calls, 4),
            "waited": round(max(0, 1 - busy / elapsed), 3),
        }


def timed(loop: Loop, calls: int) -> float:
    start = time.perf_counter()
    loop(calls)
    return time.perf_counter() - start


def page_faults() -> int:
    import resource  # not on Windows, where nothing else here works either

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def one_thread() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def check_batch(operation: str, columns: dict[str, Any], rows: Rows) -> None:
    """Every row of the batch is, bit for bit, the stored row that its reward names."""
    size = int(operation.split("/")[1])
    index = columns["reward"].ravel().astype(np.int64)
    if len(index) != size:
        raise AssertionError(f"{operation}: {size} rows asked for, {len(index)} came")
    for name, stored in vars(rows).items():
        if name in columns and not np.array_equal(
            columns[name].reshape(size, -1), stored[index].reshape(size, -1)
        ):
            raise AssertionError(f"{operation}: {name} differs from what was stored")


def check_target(operation: str, out: Any) -> None:
    """Equal to float64 within 1e-6 of the value's size."""
    name, shape, _ = operation.split("/")
    size, actions = map(int, shape.split("x"))
    exact = workloads.td_exact(name, workloads.make_values(size, actions))
    worst = np.max(np.abs(out - exact) / np.maximum(1, np.abs(exact)))
    if not worst <= 1e-6:
        raise AssertionError(f"{operation}: off by {worst:.1e}")


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
            answer = {"missing": str(error)}
        except Exception:  # noqa: BLE001  the asker raises it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    serve(sys.argv[1])
