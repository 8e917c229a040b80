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

from bench import checks, frames, workloads
from bench.workloads import ACTION_DIM, Loop, Rows

MODULES = {
    "sharpwave": "bench.peers.sharpwave",
    "limit": "bench.limit",
    "sb3": "bench.peers.sb3",
    "rlox": "bench.peers.rlox",
    "cpprb": "bench.peers.cpprb",
    "tianshou": "bench.peers.tianshou",
    "numpy": "bench.peers.numpy_loop",
    "torch": "bench.peers.torch_eager",
}

MAKERS = {
    "vectors": workloads.make_rows,
    "stacks": frames.make_stacks,
    "frames": frames.make_frames,
}


class Contender:
    """What a worker holds: the contender's module, its filled buffers, and the loops of its operations."""

    def __init__(self, name: str) -> None:
        self.module: ModuleType = importlib.import_module(MODULES[name])
        self.loops: dict[str, Loop] = {}
        self.rows: Rows | None = None
        one_thread()

    def make(self, kinds: list[str], rows: int) -> dict[str, Any]:
        able = [kind for kind in kinds if hasattr(self.module, kind)]
        buffered = [kind for kind in able if kind != "td"]
        if buffered:
            self.rows = MAKERS[workloads.KINDS[buffered[0]].rows](rows)
        sorts = dict.fromkeys(workloads.KINDS[kind].buffer for kind in buffered)
        buffers = {sort: self.module.make(sort, self.rows) for sort in sorts}
        for kind in buffered:
            self.loops |= dict(self.buffered(kind, buffers[workloads.KINDS[kind].buffer]))
        if "td" in able:
            self.loops |= dict(self.targets())
        return {
            "label": self.module.label,
            "version": self.module.version(),
            "operations": list(self.loops),
        }

    def buffered(self, kind: str, buffer: Any) -> Iterator[tuple[str, Loop]]:
        work = getattr(self.module, kind)
        if kind == "add":
            yield kind, work(buffer, workloads.make_walk(), np.zeros(ACTION_DIM, np.float32))
        elif kind == "stacks_add":
            yield kind, work(buffer, frames.make_stack_walk(), np.int64(0))
        for size in workloads.KINDS[kind].sizes:
            for form, loop in work(buffer, size).items():
                if form in (*workloads.KINDS[kind].forms, "memcpy"):
                    yield f"{kind}/{size}/{form}", loop

    def targets(self) -> Iterator[tuple[str, Loop]]:
        for size in workloads.BATCHES:
            for actions in workloads.ACTIONS:
                for key, loop in self.module.td(workloads.make_values(size, actions)).items():
                    name, form = key.split("/")
                    yield f"{name}/{size}x{actions}/{form}", loop

    def check(self) -> dict[str, Any]:
        """Draws by every loop, or computes a target, and compares that with what must come out."""
        checked = [name for name in self.loops if not name.endswith(("add", "memcpy"))]
        for operation in checked:
            loop = self.loops[operation]
            if "target" in operation:
                checks.check_target(operation, np.asarray(loop(1)))
                continue
            assert self.rows is not None
            keeps_final = operation.split("/")[0] not in getattr(self.module, "loses_final", ())
            checks.check(operation, loop, self.module.columns, self.rows, keeps_final)
        self.rows = None
        return {"checked": checked}

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
