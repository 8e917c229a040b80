"""The code of a page of documentation."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def fences_of(page: Path) -> list[tuple[str, str]]:
    """Every fenced block: its language, and what is in it."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def blocks_of(page: Path) -> list[str]:
    return [block for language, block in fences_of(page) if language == "python"]


def commands_of(page: Path) -> list[list[str]]:
    """The `sharpwave` commands of a page, in words, without what is said behind a #."""
    shell = [block for language, block in fences_of(page) if language in ("bash", "console")]
    lines = [line.split("#")[0].split() for block in shell for line in block.splitlines()]
    return [words for words in lines if words[:1] == ["sharpwave"]]


def run(page: Path) -> None:
    """The blocks in their order, in one namespace."""
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(blocks_of(page)):
        exec(compile(block, f"{page.name}, Python block {number}", "exec"), namespace)
