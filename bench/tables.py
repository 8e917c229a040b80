"""The arithmetic and the cells of the tables.

Times are processor time, medians over the rounds. A ratio is the median of the ratios of each round,
theirs over ours: both sides of it met the same moment of the machine. Where a row stands for several
action counts, cells are ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from bench.workloads import ACTIONS, BATCHES, SAMPLE_FORMS, TD_FORMS, TD_NAMES

OURS, LIMIT = "sharpwave", "limit"
PEERS = ("sb3", "rlox", "cpprb", "numpy", "torch")
FORM_WORDS = {
    "arrays": "arrays out",
    "arrays-read": "arrays out, every field read",
    "tensors": "tensors out",
    "tensors-read": "tensors out, every field read",
}
NONE = "–"


@dataclass(frozen=True)
class Row:
    """A line of the table: its title and the operations it stands for."""

    title: str
    operations: tuple[str, ...]


def buffer_rows() -> list[Row]:
    rows = [
        Row(f"`sample({size})`, {FORM_WORDS[form]}", (f"sample/{size}/{form}",))
        for size in BATCHES
        for form in SAMPLE_FORMS
    ]
    return [*rows, Row("`add`, one transition", ("add",))]


def td_rows() -> list[Row]:
    return [
        Row(
            f"`{name}`, batch {size}, {form} in",
            tuple(f"{name}/{size}x{actions}/{form}" for actions in ACTIONS),
        )
        for name in TD_NAMES
        for size in BATCHES
        for form in TD_FORMS
    ]


def series(result: dict[str, Any], operation: str, contender: str) -> list[float] | None:
    """The rounds of a contender in an operation, or in the one that stands beside it for that contender.

    Without the time it waited for a processor: nobody here sleeps, so that time is other programs'.
    """
    for candidate in beside(operation, contender):
        found = result["timings"].get(candidate, {}).get(contender)
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
    """The median of the rounds' ratios.

    >>> ratios([10.0, 30.0, 22.0], [1.0, 2.0, 2.0])
    11.0
    """
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
    return [median(rounds) / 1e3 for rounds in found if rounds]


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
    return f"**{span(times)}** ({number(low / 1e3, 3)}–{number(high / 1e3, 3)})"


def fastest(result: dict[str, Any], row: Row, peers: Sequence[str]) -> str:
    """The fastest peer of each operation over ours."""
    factors = [compared(result, row, peer, OURS) for peer in peers]
    found = [min(rivals) for rivals in zip(*filter(None, factors), strict=True)]
    return f"{span(found, 2)}×" if found else NONE


def share(result: dict[str, Any], row: Row) -> str:
    found = [100 * value for value in compared(result, row, LIMIT, OURS)]
    return f"{span(found, 2)} %" if found else NONE


def table(result: dict[str, Any], rows: Sequence[Row], suffix: str = "") -> str:
    """A Markdown table of the rows that anyone has, with the columns that are not empty."""
    rows = [
        row for row in rows if any(operation in result["timings"] for operation in row.operations)
    ]
    rows = [
        row for row in rows if medians(result, row, OURS) or not row.operations[0].endswith("-read")
    ]
    peers = [p + suffix for p in PEERS if any(medians(result, row, p + suffix) for row in rows)]
    if not peers:
        return ""
    labels = [result["contenders"][peer]["label"] for peer in peers]
    lines = [
        ["µs a call", "sharpwave", *labels, "fastest peer ÷ ours", "C++ loop", "share of limit"]
    ]
    for row in rows:
        limit = medians(result, row, LIMIT)
        lines.append(
            [row.title, own_cell(result, row)]
            + [cell(result, row, peer) for peer in peers]
            + [fastest(result, row, peers), span(limit) if limit else NONE, share(result, row)]
        )
    lines.insert(1, ["---"] + ["---:"] * (len(lines[0]) - 1))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
