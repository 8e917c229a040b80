"""The Python in docs/guides runs: the blocks of a page in their order, in one namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).resolve().parents[2] / "docs" / "guides").glob("*.md"))
OPTIONAL = ("torch", "gymnasium", "minari", "stable_baselines3", "keras", "jax", "flax", "optax")


@pytest.mark.filterwarnings("ignore::UserWarning:minari")  # of metadata that a guide leaves out
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_python_of_a_guide_runs(guide, tmp_path, monkeypatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks, "a guide shows the library at work"
    for name in OPTIONAL:
        if re.search(rf"^\s*(import|from) {name}\b", "\n".join(blocks), re.MULTILINE):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    namespace: dict[str, object] = {"__name__": guide.stem}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{guide.name}, Python block {number}", "exec"), namespace)
