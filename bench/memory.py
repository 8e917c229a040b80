"""``python -m bench.memory``: bytes a transition takes in a full buffer of Atari stacks of 4.

The buffer is made at its full size and filled, in a process of its own: 7.2 GB for a million.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np

import sharpwave as sw
from bench.frames import DEPTH, SIDE, make_stacks
from bench.peers import sharpwave
from bench.worker import resident
from bench.workloads import Rows

PART = 1000


def parts(count: int) -> list[int]:
    """Rows of each part: thousands, and what is left.

    >>> parts(2500)
    [1000, 1000, 500]
    """
    whole, left = divmod(count, PART)
    return [PART] * whole + [left] * (left > 0)


def part(rows: int, seed: int) -> Rows:
    """Some episodes; the last is cut by a time limit, so that no frame is shared with the next part."""
    made = make_stacks(rows, seed=seed)
    truncated = made.truncated.copy()
    truncated[-1] = not made.terminated[-1]
    return dataclasses.replace(made, truncated=truncated)


def measure(count: int) -> dict[str, float]:
    """Bytes a transition, by the buffer's own account and by the system's."""
    before = resident()
    stack, action = sw.Field((DEPTH, SIDE, SIDE), np.uint8), sw.Field((), np.int64)
    buffer = sharpwave.empty("stacks", count, stack, action)
    for seed, rows in enumerate(parts(count)):
        buffer.extend(*(column[:] for column in vars(part(rows, seed)).values()))
    if len(buffer) != count:
        raise AssertionError(f"{count} rows were added, {len(buffer)} are there")
    return {"nbytes": buffer.nbytes / count, "resident": (resident() - before) / count}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    measured = measure(count)
    print(
        f"{count:,} transitions of 4x84x84 stacks, successors included: "
        f"{measured['nbytes']:,.1f} bytes each by buffer.nbytes, "
        f"{measured['resident']:,.1f} by the process's resident memory"
    )


if __name__ == "__main__":
    main()
