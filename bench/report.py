"""Turns a results file into Markdown: ``python -m bench.report bench/results/FILE.json``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from bench import learn, lines, training
from bench.kinds import DATA
from bench.rounds import TUNED
from bench.tables import LOOP, MEMCPY, UNIFORM, by_speed, number, own_cell, table


def faults(result: dict[str, Any], least: float = 0.05) -> str:
    """Who took page faults, when anyone did."""
    found = [
        f"{result['contenders'][name]['label']} {median(rounds['faults']):.1f} in {operation}"
        for operation, contenders in result["timings"].items()
        for name, rounds in contenders.items()
        if median(rounds["faults"]) >= least
    ]
    return (
        "Page faults a call: " + ("; ".join(found) if found else f"none took {least} or more") + "."
    )


def waited(result: dict[str, Any]) -> str:
    """How much others were in the way: a share that should be near nothing."""
    shares = [
        share
        for contenders in result["timings"].values()
        for r in contenders.values()
        for share in r["waited"]
    ]
    often = sum(share > 0.02 for share in shares) / len(shares)
    return f"{often:.0%} of the timings waited for a processor for more than 2 % of their time."


def headline(result: dict[str, Any]) -> str:
    """Machine, protocol, versions, who is missing."""
    machine, parts = result["machine"], result["parts"]
    where = (
        f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['kernel']}, Python {machine['python']}"
    )
    how = sorted({f"{p['rounds']} rounds of about {1e3 * p['seconds']:.0f} ms" for p in parts})
    load = max(part["load"] for part in parts)
    about = f"{result['date'][:10]}, {where}. {', '.join(how)}. Load {load} at most before; {waited(result)}"
    missing = [
        f"{name} ({entry['missing']})"
        for name, entry in result["contenders"].items()
        if "missing" in entry and not name.endswith(TUNED)
    ]
    skipped = [f"Skipped: {', '.join(missing)}."] if missing else []
    return "\n\n".join([about, versions(result), *skipped])


def versions(result: dict[str, Any]) -> str:
    present = [
        f"{entry['label']} {entry['version']}"
        for name, entry in result["contenders"].items()
        if "missing" not in entry and not name.endswith(TUNED)
    ]
    return f"Versions: {', '.join(present)}."


def page(result: dict[str, Any]) -> str:
    """Everything, as printed at the end of ``python -m bench``."""
    plain = lines.of(("sample", "stacks"))
    plain = [row for row in plain if row.operations[0].endswith(("arrays", "tensors"))]
    tuned = table(result, plain, TUNED)
    parts = [
        headline(result),
        table(result, lines.of(lines.UNIFORM)),
        table(result, lines.of(lines.REPLAY), yardsticks=(UNIFORM,)),
        table(result, lines.of(lines.FRAMES), yardsticks=(LOOP, MEMCPY)),
        table(result, lines.of(lines.TARGETS)),
        table(result, lines.of(lines.DISK)),
    ]
    for data in lines.others():
        found = table(result, lines.elsewhere(data), yardsticks=())
        parts += [f"{DATA[data].words}:", found] if found else []
    if "training" in result:
        parts.append(learn.table(training.TASK, result["training"]))
    if tuned:
        parts += ["The same with a tuned malloc in the peers' processes:", tuned]
    parts += [faults(result), slower(result)]
    return "\n\n".join(part for part in parts if part)


def slower(result: dict[str, Any]) -> str:
    """Where a peer is faster than ours."""
    found = [
        f"{row.title} ({row.operations[0]}): {result['contenders'][peer]['label']} {factor:.2f}×"
        for row in lines.everything()
        for factor, peer in by_speed(result, row)
        if factor < 1
    ]
    return f"Slower than a peer: {'; '.join(found) if found else 'none'}."


def short(result: dict[str, Any]) -> str:
    """One table for a front page: ours, and every peer by its speed."""
    found = [
        "| µs a call | sharpwave | peers, and how many times as long they take |",
        "| --- | ---: | --- |",
    ]
    for row in lines.short():
        rivals = [
            f"{result['contenders'][peer]['label']} {number(factor, 2)}×"
            for factor, peer in by_speed(result, row)
        ]
        if rivals:
            found.append(f"| {row.title} | {own_cell(result, row)} | {', '.join(rivals)} |")
    return "\n".join(found)  # fmt: skip


def replaced(text: str, block: str) -> str:
    """The text with the block between its two marks.

    >>> replaced("a\\n<!-- bench -->\\nold\\n<!-- /bench -->\\nb", "new")
    'a\\n<!-- bench -->\\nnew\\n<!-- /bench -->\\nb'
    """
    before, mark, rest = text.partition("<!-- bench -->\n")
    _, end, after = rest.partition("\n<!-- /bench -->")
    if not (mark and end):
        raise ValueError("expected <!-- bench --> and <!-- /bench -->, each on a line of its own")
    return before + mark + block + end + after


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("file", type=Path, help="a results file")
    parser.add_argument("--short", action="store_true", help="one table for a front page")
    parser.add_argument(
        "--into",
        type=Path,
        help="write it between the bench marks of this page instead of printing it",
    )
    options = parser.parse_args()
    result = json.loads(options.file.read_text())
    text = short(result) if options.short else page(result)
    if options.into is None:
        print(text)
    else:
        options.into.write_text(replaced(options.into.read_text(), text))


if __name__ == "__main__":
    main()
