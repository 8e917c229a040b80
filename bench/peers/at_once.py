"""Two threads that run one loop each, at once, on one buffer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.workloads import Loop

Sample = Callable[[Any, int], dict[str, Loop]]


def two_threads(sample: Sample) -> Sample:
    """The loops of ``sample``, the calls shared by two threads."""

    def work(buffer: Any, size: int) -> dict[str, Loop]:
        return {form: shared(loop) for form, loop in sample(buffer, size).items()}

    return work


def shared(loop: Loop) -> Loop:
    pool = ThreadPoolExecutor(2)

    def both(calls: int) -> Any:
        first, second = (pool.submit(loop, max(1, calls // 2)) for _ in range(2))
        second.result()
        return first.result()

    return both
