"""The Python in docs/guides runs: the blocks of a page in their order, in one namespace."""

from __future__ import annotations

import re

import pages
import pytest

GUIDES = sorted((pages.DOCS / "guides").glob("*.md"))
OPTIONAL = ("torch", "gymnasium", "minari", "stable_baselines3", "keras", "jax", "flax", "optax")


@pytest.mark.filterwarnings("ignore::UserWarning:minari")  # of metadata that a guide leaves out
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_python_of_a_guide_runs(guide, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # or to import it asks for TensorFlow
    code = "\n".join(pages.blocks_of(guide))
    for name in OPTIONAL:
        if re.search(rf"^\s*(import|from) {name}\b", code, re.MULTILINE):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    pages.run(guide)
