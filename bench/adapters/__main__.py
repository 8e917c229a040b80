"""Each adapter beside the class that it replaces: ``python -m bench.adapters [sb3 ...]``.

A module of this folder offers ``operations()``: for each operation, a call of ours and one of
theirs, made once and called over and over in one process. In a round every operation comes once,
in random order, ours and theirs one after the other in random order; a cell is the median over
the rounds, a ratio the median of the rounds' ratios. One thread, processor time.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Operations = Mapping[str, Mapping[str, Callable[[], object]]]

ADAPTERS = ("sb3", "cleanrl", "tianshou", "torchrl", "rllib", "cpprb")
ROUNDS = 15
SECONDS = 0.03


def calls_for(call: Callable[[], object]) -> int:
    """As many calls as take about SECONDS."""
    began = time.perf_counter()
    call()
    each = max(time.perf_counter() - began, 1e-7)
    if each < SECONDS / 20:
        began = time.perf_counter()
        for _ in range(20):
            call()
        each = (time.perf_counter() - began) / 20
    return max(1, int(SECONDS / each))


def timed(call: Callable[[], object], calls: int) -> float:
    """Seconds of processor time a call."""
    kept = None
    began = time.process_time()
    for _ in range(calls):
        kept = call()
    del kept
    return (time.process_time() - began) / calls


def measure(operations: Operations, rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Medians in microseconds, and the ratio of theirs to ours, for each operation."""
    calls = {
        (name, who): calls_for(call)
        for name, both in operations.items()
        for who, call in both.items()
    }
    seen: dict[str, dict[str, list[float]]] = {
        name: {who: [] for who in both} for name, both in operations.items()
    }
    gc.disable()
    for _ in range(rounds):
        for name in random.sample(list(operations), len(operations)):
            for who in random.sample(list(operations[name]), 2):
                seen[name][who].append(timed(operations[name][who], calls[name, who]))
    gc.enable()
    return {
        name: {
            **{who: 1e6 * statistics.median(times) for who, times in both.items()},
            "ratio": statistics.median(
                theirs / ours for ours, theirs in zip(*both.values(), strict=True)
            ),
        }
        for name, both in seen.items()
    }


def table(peer: str, measured: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"| {peer} | sharpwave, µs | {peer}, µs | times as fast |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {cells['sharpwave']:.2f} | {cells['peer']:.2f} | {cells['ratio']:.1f} |"
        for name, cells in measured.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.adapters", description=__doc__)
    parser.add_argument("peers", nargs="*", default=ADAPTERS, help=", ".join(ADAPTERS))
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    results = {}
    for peer in chosen.peers:
        try:
            module = importlib.import_module(f"bench.adapters.{peer}")
        except ImportError as missing:
            print(f"{peer}: {missing}")
            continue
        results[peer] = measure(module.operations(), chosen.rounds)
        print(table(peer, results[peer]), end="\n\n", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
