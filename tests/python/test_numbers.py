"""The numbers on the pages are those of the benchmark's files, and none stands there without one."""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

pytest.importorskip("tomllib")
if not (ROOT / "bench" / "results").is_dir():
    pytest.skip("needs a checkout: an sdist has no results", allow_module_level=True)

numbers = pytest.importorskip("bench.numbers")

PAGES = numbers.pages()
CLAIMS = numbers.claims()["claim"]


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def test_examples_are_true() -> None:
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_the_numbers_of_a_page_are_those_of_its_files(page: str) -> None:
    """`python -m bench.numbers --write` mends it."""
    assert numbers.mended(page, text_of(page)) == text_of(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_claims_no_speed_without_a_file(page: str) -> None:
    assert numbers.unmarked(page, text_of(page)) == []


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["text"][:40])
def test_a_number_that_is_changed_is_noticed_and_mended(claim) -> None:
    text = text_of(claim["page"])
    found = numbers.pattern(claim).search(text)
    assert found is not None
    for name in claim["numbers"]:
        changed = text[: found.start(name)] + "9,876.5" + text[found.end(name) :]
        assert numbers.mended(claim["page"], changed) == text


def test_a_cell_that_is_changed_is_noticed() -> None:
    text = text_of("README.md")
    cell = re.search(r"\*\*\d[\d.]*\*\*", text)
    assert cell is not None
    changed = text[: cell.start()] + "**0.001**" + text[cell.end() :]
    assert numbers.mended("README.md", changed) == text


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 4.9 times faster than before.",
        "A sample takes 3 µs.",
        "Training runs at 22,700 steps a second.",
        "That is 7.2× and more.",
        "A million of them take 7.2 GB.",
    ],
)
def test_a_new_claim_of_speed_is_found(sentence: str) -> None:
    assert len(numbers.unmarked("README.md", text_of("README.md") + "\n" + sentence)) == 1


def test_what_is_no_claim_is_left_alone() -> None:
    harmless = "Frames of 84 × 84, a batch of 256, Python 3.10, n_step=5, some of the time."
    assert numbers.unmarked("README.md", harmless) == []


def test_a_page_that_lost_its_sentence_is_noticed() -> None:
    with pytest.raises(ValueError, match="expected the sentence"):
        numbers.mended(
            "README.md", text_of("README.md").replace("environment steps a second", "steps")
        )


def test_pages_that_wait_for_files_are_there() -> None:
    """So that the list in claims.toml grows shorter, never stale."""
    for folder in numbers.claims()["later"]:
        assert (ROOT / folder).exists()
