"""What a release promises: one version everywhere, the same tools for all, an import that is quick."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import sharpwave as sw

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def words(pattern: str, text: str = PYPROJECT) -> list[str]:
    found = re.findall(pattern, text, re.MULTILINE)
    assert found, pattern
    return found


def test_the_version_stands_once() -> None:
    assert words(r'^version = "(\d+\.\d+\.\d+)"$') == [sw.__version__]


def test_the_changelog_tells_of_what_is_not_released_or_of_this_version() -> None:
    newest = words(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[0]
    dated = re.fullmatch(rf"{re.escape(sw.__version__)} - \d{{4}}-\d\d-\d\d", newest)
    assert newest == "Unreleased" or dated, newest


def test_every_python_that_gets_a_wheel_is_a_classifier() -> None:
    wheels = {f"3.{minor}" for minor in words(r'"cp3(\d+)t?-\*"')}
    assert wheels == set(words(r'"Programming Language :: Python :: (3\.\d+)"'))
    assert words(r'^requires-python = ">=(.+)"$') == [min(wheels, key=lambda v: int(v[2:]))]


def test_importing_brings_in_nothing_heavy() -> None:
    """How long it takes, `.ci/check_import.py` says, where nothing else runs."""
    heavy = {"torch", "gymnasium", "importlib.metadata", "numpy.random"}
    script = f"import sys, numpy; before = set(sys.modules); import sharpwave; print(*({heavy} & set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == []
