"""The Python in docs/peers runs: the blocks of a page in their order, in one namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "peers").glob("*.md"))
# What a page needs besides sharpwave.
PACKAGES = {
    "cleanrl": "gymnasium", "rllib": "ray", "sb3": "stable_baselines3",
    "tianshou": "tianshou", "torchrl": "torchrl",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # of what other libraries import
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch) -> None:
    if page.stem in PACKAGES:
        pytest.importorskip(PACKAGES[page.stem])
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks, "a page shows the change of one line"
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page.name}, Python block {number}", "exec"), namespace)
