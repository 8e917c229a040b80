"""``python -m bench``: every contender in one interleaved run; a table, and ``bench/results/<date>-<machine>.json``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import machine, report, rounds, workloads
from bench.worker import MODULES

RESULTS = Path(__file__).with_name("results")
TUNABLE = ("sb3", "rlox", "cpprb", "numpy")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 short rounds, under two minutes")
    parser.add_argument(
        "--only",
        choices=workloads.KINDS,
        action="append",
        help="measure only this; may be repeated",
    )
    parser.add_argument(
        "--rows", type=int, default=workloads.ROWS, help="rows in each buffer (default %(default)s)"
    )
    parser.add_argument("--rounds", type=int, help="rounds (default 31, with --quick 15)")
    parser.add_argument("--peers", nargs="+", choices=list(MODULES), default=list(MODULES), metavar="NAME",
                        help=f"only these of {', '.join(MODULES)}")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder of the JSON (default bench/results)"
    )
    return parser.parse_args()


def names(peers: list[str], kinds: list[str]) -> list[str]:
    """The workers to start: each contender, and each peer that allocates once more with a tuned malloc."""
    tuned = [peer + rounds.TUNED for peer in TUNABLE if peer in peers and "sample" in kinds]
    return peers + tuned


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Starts, checks and measures; the whole result."""
    kinds = options.only or list(workloads.KINDS)
    count = options.rounds or (15 if options.quick else 31)
    seconds = 0.015 if options.quick else 0.03
    result = {"date": machine.now(), "machine": machine.describe(), "build_config": build_config()}
    workers, contenders = [], {}
    for worker, about in rounds.start(names(options.peers, kinds), kinds, options.rows):
        contenders[worker.name] = about
        if "missing" in about:
            print(f"skipped {worker.name}: {about['missing']}", file=sys.stderr)
        else:
            print(f"checked {worker.name}: {len(about['checked'])} operations", file=sys.stderr)
            workers.append(worker)
    timings = rounds.measure(workers, workloads.operations(tuple(kinds)), count, seconds)
    for worker in workers:
        worker.close()
    result |= {
        "settings": {"kinds": kinds, "rounds": count, "seconds": seconds, "rows": options.rows}
    }
    return result | {"contenders": contenders, "timings": timings}


def build_config() -> dict[str, Any] | None:
    """How the sharpwave under test was built."""
    try:
        import sharpwave
    except ModuleNotFoundError:
        return None
    return dict(sharpwave.build_config())


def main() -> None:
    options = arguments()
    result = run(options)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{result['date'][:10]}-{machine.slug(result['machine'])}.json"
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(report.page(result))
    print(f"\nwritten to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
