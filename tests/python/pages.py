"""The Python of a page of documentation."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks_of(page: Path) -> list[str]:
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks, "a page shows the library at work"
    return blocks


def run(page: Path) -> None:
    """The blocks in their order, in one namespace."""
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(blocks_of(page)):
        exec(compile(block, f"{page.name}, Python block {number}", "exec"), namespace)
