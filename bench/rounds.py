"""Drives the workers: one busy at a time, every round in a new order."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.peers import OURS

ROOT = Path(__file__).parent.parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# keeps glibc from returning and faulting in the memory of every large batch
TUNED_MALLOC = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "67108864"}
TUNED = "+malloc"

Timings = dict[str, dict[str, dict[str, list[float]]]]


class Worker:
    """A contender's process; its name ends in ``+malloc`` when the process has a tuned malloc."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.operations: list[str] = []
        environment = {**os.environ, **ONE_THREAD, **(TUNED_MALLOC if name.endswith(TUNED) else {})}
        self.process = subprocess.Popen(
            [interpreter(name), "-m", "bench.worker", name.removesuffix(TUNED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One request, one answer; what failed there is raised here."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process ended"}
        if "missing" in answer:
            raise ImportError(answer["missing"])
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def close(self) -> None:
        with self.process:  # closes its pipes, which ends it, and waits
            pass


def interpreter(name: str) -> str:
    """The Python of a contender: ours, or one with packages that cannot stand beside the others'.

    ``BENCH_PYTHON_REVERB=/path/to/python`` names one.
    """
    return os.environ.get(f"BENCH_PYTHON_{name.removesuffix(TUNED).upper()}", sys.executable)


def start(
    wanted: Mapping[str, Any], data: str, rows: int = 0
) -> Iterator[tuple[Worker, dict[str, Any]]]:
    """Workers that have made and checked the buffers of the kinds wanted of them, each with its answer.

    A peer that fails its check is left out and told of; when we do, there is nothing to measure.
    """
    for name, kinds in wanted.items():
        worker = Worker(name)
        try:
            made = worker.ask("make", data=data, kinds=kinds, rows=rows)
            made["checked"] = worker.ask("check")["checked"]
        except (ImportError, RuntimeError) as error:
            worker.close()
            if name == OURS and isinstance(error, RuntimeError):
                raise
            yield worker, {"missing": str(error).strip().splitlines()[-1]}
            continue
        worker.operations = made["operations"]
        yield worker, made


def measure(workers: list[Worker], operations: list[str], rounds: int, seconds: float) -> Timings:
    """Every operation of every worker, ``rounds`` times, about ``seconds`` each.

    In a round the operations come in a random order, and those who can do one follow each other in a random
    order, so that a slow moment of the machine meets them all. An operation with a call that takes longer than
    four such times comes in every fourth round.
    """
    calls, every = calibrated(workers, operations, seconds)
    timings: Timings = {operation: {} for operation in operations}
    for number in range(rounds):
        for operation in shuffled([name for name in operations if number % every[name] == 0]):
            for worker in shuffled(able(workers, operation)):
                took = worker.ask("time", operation=operation, calls=calls[worker.name, operation])
                series = timings[operation].setdefault(worker.name, {name: [] for name in took})
                for name, value in took.items():
                    series[name].append(value)
    return timings


def calibrated(
    workers: list[Worker], operations: list[str], seconds: float
) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Calls of each worker in each operation, and every how many rounds the operation comes."""
    calls, every = {}, dict.fromkeys(operations, 1)
    for operation in operations:
        for worker in able(workers, operation):
            trial = worker.ask("calibrate", operation=operation, seconds=seconds)
            calls[worker.name, operation] = trial["calls"]
            if trial["took"] > 4 * seconds:
                every[operation] = 4
    return calls, every


def able(workers: list[Worker], operation: str) -> list[Worker]:
    return [worker for worker in workers if operation in worker.operations]


def shuffled(items: list[Any]) -> list[Any]:
    return random.sample(items, len(items))
