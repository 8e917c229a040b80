"""``python -m bench``: every contender in one interleaved run; a table, and ``bench/results/<date>-<machine>.json``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import frames, machine, report, rounds, workloads
from bench.worker import MODULES

RESULTS = Path(__file__).with_name("results")
TUNABLE = ("sb3", "rlox", "cpprb", "numpy")
# with a malloc that keeps its memory, these are measured once more
TUNED_KINDS = ("sample", "stacks")
# what these are compared with is our own uniform sample, in the same run
BESIDE_UNIFORM = ("prioritized", "n_step", "without_replacement")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 short rounds, under four minutes")
    parser.add_argument("--only", type=kinds_of, metavar="KIND,...", default=list(workloads.KINDS),
                        help=f"measure only these of {', '.join(workloads.KINDS)}")  # fmt: skip
    parser.add_argument(
        "--rows", type=int, default=workloads.ROWS, help="rows in each buffer (default %(default)s)"
    )
    parser.add_argument("--frame-rows", type=int, default=frames.FRAME_ROWS,
                        help="rows in each buffer of frames (default %(default)s)")  # fmt: skip
    parser.add_argument("--rounds", type=int, help="rounds (default 31, with --quick 15)")
    parser.add_argument("--peers", nargs="+", choices=list(MODULES), default=list(MODULES), metavar="NAME",
                        help=f"only these of {', '.join(MODULES)}")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder of the JSON (default bench/results)"
    )
    return parser.parse_args()


def kinds_of(text: str) -> list[str]:
    """The kinds that are named, in the order of the tables.

    >>> kinds_of("stacks,add")
    ['add', 'stacks']
    """
    named = text.split(",")
    if unknown := set(named) - set(workloads.KINDS):
        raise argparse.ArgumentTypeError(f"no such kind: {', '.join(sorted(unknown))}")
    return [kind for kind in workloads.KINDS if kind in named]


def groups(kinds: list[str]) -> list[list[str]]:
    """Kinds that work on the same rows are measured together, by the same processes.

    >>> groups(["sample", "n_step", "stacks", "td"])
    [['sample', 'n_step'], ['stacks'], ['td']]
    """
    rows = dict.fromkeys(workloads.KINDS[kind].rows for kind in kinds)
    return [[kind for kind in kinds if workloads.KINDS[kind].rows == name] for name in rows]


def wanted(peers: list[str], kinds: list[str]) -> dict[str, list[str]]:
    """The workers to start and what each is asked for; peers that allocate come again with a tuned malloc."""
    found = dict.fromkeys(peers, kinds)
    if "sharpwave" in found and "sample" not in kinds and set(BESIDE_UNIFORM) & set(kinds):
        found["sharpwave"] = ["sample", *kinds]
    tuned = [kind for kind in kinds if kind in TUNED_KINDS]
    return found | {peer + rounds.TUNED: tuned for peer in TUNABLE if peer in peers and tuned}


def measured(
    options: argparse.Namespace, kinds: list[str], count: int, seconds: float
) -> tuple[dict[str, Any], rounds.Timings]:
    """Starts the workers of a group of kinds, and times them."""
    is_frames = workloads.KINDS[kinds[0]].rows in ("stacks", "frames")
    rows = options.frame_rows if is_frames else options.rows
    workers, contenders = [], {}
    for worker, about in rounds.start(wanted(options.peers, kinds), rows):
        if "missing" in about:
            print(f"skipped {worker.name}: {about['missing']}", file=sys.stderr)
        elif not about["operations"]:
            worker.close()
            continue
        else:
            print(f"checked {worker.name}: {len(about['checked'])} operations", file=sys.stderr)
            workers.append(worker)
        contenders[worker.name] = about
    names = dict.fromkeys(name for worker in workers for name in worker.operations)
    timings = rounds.measure(workers, list(names), count, seconds)
    for worker in workers:
        worker.close()
    return contenders, timings


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Starts, checks and measures; the whole result."""
    count = options.rounds or (15 if options.quick else 31)
    seconds = 0.015 if options.quick else 0.03
    result = {"date": machine.now(), "machine": machine.describe(), "build_config": build_config()}
    result["settings"] = {
        "kinds": options.only, "rounds": count, "seconds": seconds,
        "rows": options.rows, "frame_rows": options.frame_rows,
    }  # fmt: skip
    contenders: dict[str, Any] = {}
    timings: rounds.Timings = {}
    for kinds in groups(options.only):
        present, times = measured(options, kinds, count, seconds)
        contenders = present | contenders
        timings |= times
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
