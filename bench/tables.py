"""The arithmetic and the cells of the tables.

Times are processor time, medians over the rounds. A ratio is the median of the ratios of each round,
theirs over ours: both sides of it met the same moment of the machine. Where a row stands for several
action counts, cells are ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from bench.kinds import KINDS
from bench.peers import LIMIT, OURS, PEERS

UNITS = {1e3: "µs", 1e6: "ms"}
NONE = "–"


@dataclass(frozen=True)
class Row:
    """A line of the table: its title and the operations it stands for; ``unit`` is how many ns a number is."""

    title: str
    operations: tuple[str, ...]
    unit: float = 1e3


@dataclass(frozen=True)
class Yardstick:
    """What ours is measured by beside the peers: two columns, its time and the ratio.

    ``operation`` gives the contender's operation that stands beside one of ours.
    """

    heads: tuple[str, str]
    contender: str
    operation: Callable[[str], str]
    is_share: bool = True  # theirs of ours, in percent; or ours as a multiple of theirs


LOOP = Yardstick(("C++ loop", "share of limit"), LIMIT, lambda name: name)
MEMCPY = Yardstick(
    ("memcpy", "share of memcpy"), LIMIT, lambda name: name.rpartition("/")[0] + "/memcpy"
)
UNIFORM = Yardstick(
    ("our uniform `sample`", "ours ÷ that"),
    OURS,
    lambda name: "/".join(["sample", *name.split("/")[1:]]),
    is_share=False,
)


def series(result: dict[str, Any], operation: str, contender: str) -> list[float] | None:
    """The rounds of a contender in an operation, or in the one that stands beside it for that contender.

    Without the time it waited for a processor: nobody sleeps but for the disk, so that time is other programs'.
    """
    name, at, data = operation.partition("@")
    for candidate in beside(name, contender):
        found = result["timings"].get(candidate + at + data, {}).get(contender)
        if found and KINDS[name.split("/")[0]].wall:
            return list(found["ns"])
        if found:
            return [
                ns * (1 - waited) for ns, waited in zip(found["ns"], found["waited"], strict=True)
            ]
    return None


def beside(operation: str, contender: str) -> Iterable[str]:
    """An operation, then what stands beside it for a contender that has no such form."""
    yield operation
    if operation.endswith("-read"):
        yield operation.removesuffix("-read")
    elif "target" in operation and operation.endswith("arrays"):
        yield operation.replace("arrays", "tensors")  # torch.from_numpy is nearly free
    elif "target" in operation and contender == LIMIT:
        yield operation.replace("tensors", "arrays")


def ratios(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the rounds' ratios; of two operations that came in different rounds, that of the medians.

    >>> ratios([10.0, 30.0, 22.0], [1.0, 2.0, 2.0]), ratios([10.0, 30.0, 22.0], [2.0])
    (11.0, 11.0)
    """
    if len(above) != len(below):
        return median(above) / median(below)
    return median(a / b for a, b in zip(above, below, strict=True))


def compared(result: dict[str, Any], row: Row, above: str, below: str) -> list[float]:
    """Above over below, one number for each operation of the row that both have."""
    found = []
    for operation in row.operations:
        a, b = series(result, operation, above), series(result, operation, below)
        if a and b:
            found.append(ratios(a, b))
    return found


def medians(result: dict[str, Any], row: Row, contender: str) -> list[float]:
    found = (series(result, operation, contender) for operation in row.operations)
    return [median(rounds) / row.unit for rounds in found if rounds]


def span(values: Sequence[float], digits: int = 3) -> str:
    """One number, or the least and the greatest.

    >>> span([0.5014, 0.6]), span([12.345]), span([812.4])
    ('0.501–0.600', '12.3', '812')
    """
    ends = sorted({number(value, digits) for value in (min(values), max(values))}, key=float)
    return "–".join(ends)


def number(value: float, digits: int) -> str:
    whole = len(str(int(value))) if value >= 1 else 1
    return f"{value:.{max(0, digits - whole) if value >= 1 else digits}f}"


def cell(result: dict[str, Any], row: Row, contender: str) -> str:
    """A peer's time, and how many times ours that is."""
    times, factors = medians(result, row, contender), compared(result, row, contender, OURS)
    if not times:
        return NONE
    return span(times) + (f" ({span(factors, 2)}×)" if factors else "")


def own_cell(result: dict[str, Any], row: Row) -> str:
    """Our time, with quartiles where the row is one operation."""
    times = medians(result, row, OURS)
    if not times:
        return NONE
    rounds = series(result, row.operations[0], OURS) or []
    if len(row.operations) > 1 or len(rounds) < 2:
        return f"**{span(times)}**"
    low, _, high = quantiles(rounds, n=4)
    return f"**{span(times)}** ({number(low / row.unit, 3)}–{number(high / row.unit, 3)})"


def fastest(result: dict[str, Any], row: Row, peers: Sequence[str]) -> str:
    """The fastest peer of each operation over ours."""
    factors = [compared(result, row, peer, OURS) for peer in peers]
    found = [min(rivals) for rivals in zip(*filter(None, factors), strict=True)]
    return f"{span(found, 2)}×" if found else NONE


def by_speed(result: dict[str, Any], row: Row) -> list[tuple[float, str]]:
    """The peers that can do the row's operations, the fastest first, each with its time over ours."""
    found = ((compared(result, row, peer, OURS), peer) for peer in PEERS)
    return sorted((min(factors), peer) for factors, peer in found if factors)


def beside_cells(result: dict[str, Any], row: Row, yardstick: Yardstick) -> list[str]:
    """The yardstick's time, and what ours is of it."""
    other = Row(row.title, tuple(map(yardstick.operation, row.operations)), row.unit)
    times, found = medians(result, other, yardstick.contender), []
    for ours, theirs in zip(row.operations, other.operations, strict=True):
        a, b = series(result, theirs, yardstick.contender), series(result, ours, OURS)
        if a and b:
            # our uniform sample may be of another part of the run
            found.append(ratios(a, b) if yardstick.is_share else median(b) / median(a))
    if not found:
        return [span(times) if times else NONE, NONE]
    ratio = (
        f"{span([100 * each for each in found], 2)} %"
        if yardstick.is_share
        else f"{span(found, 2)}×"
    )
    return [span(times), ratio]


def table(
    result: dict[str, Any],
    rows: Sequence[Row],
    suffix: str = "",
    yardsticks: Sequence[Yardstick] = (LOOP,),
) -> str:
    """A Markdown table of the rows that anyone has, with the columns that are not empty."""
    rows = [
        row for row in rows if any(operation in result["timings"] for operation in row.operations)
    ]
    rows = [
        row for row in rows if medians(result, row, OURS) or not row.operations[0].endswith("-read")
    ]
    peers = [p + suffix for p in PEERS if any(medians(result, row, p + suffix) for row in rows)]
    # our sample alone, measured for the sake of another table, is no table
    others = [*peers, *(yardstick.contender for yardstick in yardsticks)]
    if not any(medians(result, row, each) for row in rows for each in others if each != OURS):
        return ""
    labels = [result["contenders"][peer]["label"] for peer in peers]
    heads = [head for yardstick in yardsticks for head in yardstick.heads]
    lines = [[f"{UNITS[rows[0].unit]} a call", "sharpwave", *labels, "fastest peer ÷ ours", *heads]]
    lines += [
        [row.title, own_cell(result, row)]
        + [cell(result, row, peer) for peer in peers]
        + [fastest(result, row, peers)]
        + [text for each in yardsticks for text in beside_cells(result, row, each)]
        for row in rows
    ]
    lines.insert(1, ["---"] + ["---:"] * (len(lines[0]) - 1))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
