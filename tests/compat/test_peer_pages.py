"""The Python in docs/peers runs: the blocks of a page in their order, in one namespace."""

from __future__ import annotations

import pages
import pytest

PAGES = sorted((pages.DOCS / "peers").glob("*.md"))
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
    monkeypatch.chdir(tmp_path)
    pages.run(page)
