"""The numbers on the pages, from results files: ``python -m bench.numbers`` says where they disagree, ``--write`` mends them.

``claims.toml`` has every claim: a page, the sentence with ``{names}`` in the places of its numbers, the file of
``bench/results`` that they come from, and for each name what it is and to how many digits it is told; and every block
between two marks that is made of a file. What has a unit of speed and is in neither is found by `unmarked`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import tomllib

from bench import learn, report, results
from bench.lines import everything
from bench.peers import OURS
from bench.tables import Row, by_speed, ratios, series

ROOT = Path(__file__).parent.parent
CLAIMS = Path(__file__).with_name("claims.toml")
NUMBER = r"\d[\d,]*(?:\.\d+)?"
# units in which speed and memory are told; a claim without one is beyond a pattern
UNITS = r"(?:\s?(?:µs|ns|ms|GB|kB|KB)\b|\s?×(?!\s?\d)|\s(?:times|steps a second|environment steps)\b|\s?% (?:faster|slower|of))"
BLOCKS: dict[str, Callable[[results.Result], str]] = {"page": report.page, "short": report.short}


def steps(result: results.Result, task: str, name: str) -> float:
    """Steps a second of a task's whole run, in thousands of rounds' median."""
    return median(learn.column(result[task]["runs"][name], "steps_per_second"))


def faster(result: results.Result, task: str, ours: str, theirs: str) -> float:
    """How many times as fast our run was, seed by seed."""
    runs = result[task]["runs"]
    return ratios(*(learn.column(runs[name], "steps_per_second") for name in (ours, theirs)))


def micros(result: results.Result, operation: str, contender: str = OURS) -> float:
    """Microseconds of a call."""
    found = series(result, operation, contender)
    if found is None:
        raise KeyError(f"{contender} has no {operation}")
    return median(found) / 1e3


def times(result: results.Result, operation: str, peer: str) -> float:
    """A peer's time over ours."""
    return {name: factor for factor, name in by_speed(result, Row("", (operation,)))}[peer]


def memory(result: results.Result, sort: str, contender: str = OURS, scale: str = "1") -> float:
    """Bytes a row, times ``scale``."""
    found: float = result["memory"][sort][contender]
    return found * float(scale)


MEASURES: dict[str, Callable[..., float]] = {
    each.__name__: each for each in (steps, faster, micros, times, memory)
}


def told(value: float, digits: int) -> str:
    """So many digits of a number.

    >>> told(22712.3, 3), told(4.949, 2), told(0.1234, 2), told(126.4, 2)
    ('22,700', '4.9', '0.12', '130')
    """
    rounded = float(f"{value:.{digits}g}")
    whole = len(str(int(rounded))) if rounded >= 1 else 0
    return f"{rounded:,.{max(0, digits - whole)}f}"


def claims() -> dict[str, Any]:
    return tomllib.loads(CLAIMS.read_text())


def value(claim: dict[str, Any], name: str) -> str:
    """What must stand in a place of a claim: ``"micros add 3"`` is `micros` of ``add``, three digits."""
    measure, *arguments, digits = claim["numbers"][name].split()
    result = results.read(results.FOLDER / claim["file"])
    return told(MEASURES[measure](result, *arguments), int(digits))


def pattern(claim: dict[str, Any]) -> re.Pattern[str]:
    """The sentence however it is wrapped, a group for each number."""
    words = r"\s+".join(map(re.escape, claim["text"].split()))
    for name in claim["numbers"]:
        words = words.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>{NUMBER})")
    return re.compile(words)


def mended(page: str, text: str) -> str:
    """The page with the numbers and blocks that the files give it."""
    known = claims()
    for block in (block for block in known["block"] if block["page"] == page):
        made = BLOCKS[block["make"]](results.read(results.FOLDER / block["file"]))
        text = report.replaced(text, made)
    for claim in (claim for claim in known["claim"] if claim["page"] == page):
        found = pattern(claim).search(text)
        if found is None:
            raise ValueError(f"{page}: expected the sentence of claims.toml: {claim['text']}")
        sentence, begin = found.group(), found.start()
        for name in sorted(claim["numbers"], key=found.start, reverse=True):
            place = slice(found.start(name) - begin, found.end(name) - begin)
            sentence = sentence[: place.start] + value(claim, name) + sentence[place.stop :]
        text = text[:begin] + sentence + text[found.end() :]
    return text


def unmarked(page: str, text: str) -> list[str]:
    """Numbers with a unit of speed or memory that no block, claim or constant of claims.toml accounts for."""
    known = claims()
    text = re.sub(r"<!-- bench -->.*?<!-- /bench -->", "", text, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for claim in (claim for claim in known["claim"] if claim["page"] == page):
        text = pattern(claim).sub("", text)
    for constant in (each for each in known["constant"] if each["page"] == page):
        text = re.sub(r"\s+".join(map(re.escape, constant["text"].split())), "", text)
    found = re.finditer(rf"[^.\n|]{{0,40}}{NUMBER}{UNITS}", text)
    return [match.group().strip() for match in found]


def pages() -> list[str]:
    """The pages that are held to it: all but the decisions, which are history, and those of `claims.toml`'s ``later``."""
    found = [ROOT / "README.md", ROOT / "bench" / "README.md", *(ROOT / "docs").rglob("*.md")]
    names = (path.relative_to(ROOT).as_posix() for path in found)
    later = tuple(claims()["later"])
    return sorted(name for name in names if not name.startswith(("docs/decisions/", *later)))


def slower(result: results.Result) -> list[str]:
    """Operations in which a peer is faster than ours."""
    return [row.title for row in everything() if any(f < 1 for f, _ in by_speed(result, row))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.numbers", description=__doc__)
    parser.add_argument("--write", action="store_true", help="mend the pages")
    options = parser.parse_args()
    for page in pages():
        path = ROOT / page
        text = path.read_text()
        right = mended(page, text)
        if right != text:
            print(f"{page}: numbers differ from their files{', mended' if options.write else ''}")
        if options.write:
            path.write_text(right)
        for words in unmarked(page, right):
            print(f"{page}: no claim of claims.toml has: {words}")


if __name__ == "__main__":
    main()
