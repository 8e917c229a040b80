"""``python -m bench``: every contender in one interleaved run; a table, and ``bench/results/<date>-<machine>.json``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import charts, machine, report, results, rounds, training
from bench.kinds import DATA, KINDS, Part, parts
from bench.peers import MODULES, OURS, SLOW_TO_FILL

TUNABLE = ("sb3", "rlox", "cpprb", "numpy")
# with a malloc that keeps its memory, these are measured once more
TUNED_KINDS = ("sample", "stacks")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    option = parser.add_argument
    option(
        "--quick", action="store_true", help="one size of each, 15 short rounds: under five minutes"
    )
    option(
        "--only",
        type=some_of(KINDS, training.KIND),
        metavar="KIND,...",
        default=[*KINDS, training.KIND],
        help=f"measure only these of {', '.join(KINDS)}, {training.KIND}",
    )
    option(
        "--data",
        type=some_of(DATA),
        metavar="DATA,...",
        default=list(DATA),
        help=f"on these of {', '.join(DATA)}",
    )
    option(
        "--rows", type=int, help="rows in each buffer, whatever the data (default: its own number)"
    )
    option("--rounds", type=int, help="rounds (default 31, with --quick 15)")
    option(
        "--peers",
        type=some_of(MODULES),
        metavar="NAME,...",
        default=list(MODULES),
        help=f"only these of {', '.join(MODULES)}",
    )
    option("--cleanrl", type=Path, help="a checkout of github.com/vwxyzjn/cleanrl")
    option(
        "--into",
        type=Path,
        metavar="FILE",
        help="put the results into this file, beside those it has",
    )
    option("--plot", type=Path, metavar="FILE", help="only draw the charts of this results file")
    return parser.parse_args()  # fmt: skip


def some_of(names: Iterable[str], *others: str) -> Any:
    """A parser of names, put in the order of the list.

    >>> some_of(["add", "sample", "stacks"])("stacks,add")
    ['add', 'stacks']
    """
    known = [*names, *others]

    def parsed(text: str) -> list[str]:
        named = text.split(",")
        if unknown := set(named) - set(known):
            raise argparse.ArgumentTypeError(f"no such thing: {', '.join(sorted(unknown))}")
        return [name for name in known if name in named]

    return parsed


def wanted(peers: list[str], part: Part) -> dict[str, dict[str, Any]]:
    """The workers to start and what each is asked for; peers that allocate come again with a tuned malloc."""
    kinds = {name: dataclasses.asdict(kind) for name, kind in part.kinds.items()}
    is_own = all(KINDS[name].data == part.data for name in kinds)
    here = [peer for peer in peers if is_own or not (part.quick and peer in SLOW_TO_FILL)]
    found = dict.fromkeys(here, kinds)
    if OURS in found and "sample" not in kinds and any(k.beside for k in part.kinds.values()):
        found[OURS] = {"sample": dataclasses.asdict(KINDS["sample"])} | kinds
    tuned = {name: kinds[name] for name in TUNED_KINDS if name in kinds and is_own}
    return found | {peer + rounds.TUNED: tuned for peer in TUNABLE if peer in peers and tuned}


def started(options: argparse.Namespace, part: Part) -> tuple[list[rounds.Worker], dict[str, Any]]:
    """The workers of a part, and what is known of every contender."""
    workers, contenders = [], {}
    begin = time.monotonic()
    for worker, about in rounds.start(
        wanted(options.peers, part), part.data, options.rows or part.rows
    ):
        if "missing" in about:
            print(f"skipped {worker.name}: {about['missing']}", file=sys.stderr)
        elif not about["operations"]:
            worker.close()
            continue
        else:
            took, begin = time.monotonic() - begin, time.monotonic()
            count = len(about["checked"])
            print(f"checked {worker.name}: {count} operations, {took:.0f} s", file=sys.stderr)
            workers.append(worker)
        contenders[worker.name] = about
    return workers, contenders


def measured(options: argparse.Namespace, part: Part) -> results.Result:
    """Starts the workers of a part, and times them."""
    count, seconds = (15, 0.01) if options.quick else (31, 0.03)
    count, begin = options.rounds or count, machine.now()
    result = results.new()
    workers, contenders = started(options, part)
    result["memory"] = memory_of(contenders, part)
    told = ("label", "version", "loses_final", "missing")
    result["contenders"] = {
        name: {key: about[key] for key in told if key in about}
        for name, about in contenders.items()
    }
    names = list(dict.fromkeys(name for worker in workers for name in worker.operations))
    timings = rounds.measure(workers, names, count, seconds)
    for worker in workers:
        worker.close()
    about = {
        "data": part.data,
        "kinds": list(part.kinds),
        "rows": options.rows or part.rows,
    }
    about |= {"begin": begin, "end": machine.now(), "rounds": count, "seconds": seconds}
    result["parts"] = [about | {"load": result["machine"]["load"], "quick": part.quick}]
    result["timings"] = {part.rename(name): series for name, series in timings.items()}
    return result  # fmt: skip


def memory_of(contenders: dict[str, Any], part: Part) -> dict[str, dict[str, float]]:
    """Bytes a row, by the sort of buffer, and by contender."""
    found: dict[str, dict[str, float]] = {}
    for name, about in contenders.items():
        for sort, each in about.get("memory", {}).items():
            own = any(
                KINDS[kind].buffer == sort and KINDS[kind].data == part.data for kind in KINDS
            )
            key = sort if own else f"{sort}@{part.data}"
            if not name.endswith(rounds.TUNED):
                found.setdefault(key, {})[name] = each
    return found


def run(options: argparse.Namespace) -> tuple[Path, results.Result]:
    """Measures part by part; what is done is in the file, whatever happens to the next."""
    result = results.new()
    path = options.into or results.path_for(result)
    if options.into and path.exists():
        result = results.read(path)
    kinds = [kind for kind in options.only if kind in KINDS]
    for part in parts(kinds, options.data, options.quick):
        print(f"{part.data}: {', '.join(part.kinds)}", file=sys.stderr)
        result = results.merged(result, measured(options, part))
        results.write(path, result)
    if training.KIND in options.only:
        result["training"] = training.measured(options.quick, options.cleanrl)
        results.write(path, result)
    return path, result


def main() -> None:
    options = arguments()
    if options.cleanrl:
        os.environ["CLEANRL_CHECKOUT"] = str(options.cleanrl.resolve())
    if options.plot:
        print("\n".join(map(str, charts.draw(results.read(options.plot)))))
        return
    path, result = run(options)
    print(report.page(result))
    print(f"\nwritten to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
