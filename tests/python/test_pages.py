"""The documentation runs: the Python of a page in one namespace, its commands by the parser.

The pages in docs/peers are run by tests/compat, where the peers are installed.
"""

from __future__ import annotations

import re

import pages
import pytest

DOCS = pages.DOCS
PAGES = sorted(DOCS.rglob("*.md"))
# Pages that show no library at work: a page that runs nothing is named here, with its reason.
WITHOUT_PYTHON = {
    "changelog": "includes CHANGELOG.md",
    "contributing": "includes CONTRIBUTING.md",
    "format": "is about bytes",
    "reliability": "is about tests",
    "tests": "includes tests/README.md",
    "decisions/": "say why",
    "reference/": "are made of docstrings, whose examples test_docstrings runs",
}
OPTIONAL = ("torch", "gymnasium", "minari", "stable_baselines3", "keras", "jax", "flax", "optax")

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="needs the source tree")


def name_of(page) -> str:
    return page.relative_to(DOCS).with_suffix("").as_posix()


def runs_nothing(page) -> bool:
    name = name_of(page)
    return name in WITHOUT_PYTHON or f"{name.split('/')[0]}/" in WITHOUT_PYTHON


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_shows_the_library_at_work_or_says_why_not(page) -> None:
    assert bool(pages.blocks_of(page)) != runs_nothing(page)
    languages = {language for language, _ in pages.fences_of(page)}
    assert languages <= {"python", "bash", "console", "text"}, (
        "what language is it, and who runs it?"
    )


@pytest.mark.filterwarnings("ignore::UserWarning:minari")  # of metadata that a guide leaves out
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if pages.blocks_of(page) and page.parent.name != "peers"],
    ids=name_of,
)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # or to import it asks for TensorFlow
    code = "\n".join(pages.blocks_of(page))
    for name in OPTIONAL:
        if re.search(rf"^\s*(import|from) {name}\b", code, re.MULTILINE):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    pages.run(page)


COMMANDS = [
    words for page in (*PAGES, DOCS.parent / "README.md") for words in pages.commands_of(page)
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_a_page_is_one(words) -> None:
    """Its words are known to the parser, and its settings to the agent or the run."""
    from sharpwave.cli import _parser

    arguments = _parser().parse_args(words[1:])
    settings = [setting.partition("=")[0] for setting in getattr(arguments, "set", [])]
    if settings:
        pytest.importorskip("torch")
        from sharpwave.training.algorithms import ALGORITHMS
        from sharpwave.training.config import TrainConfig

        named = ALGORITHMS.values() if arguments.algo is None else [ALGORITHMS[arguments.algo]]
        known = {
            n for c in (TrainConfig, *(a.config for a in named)) for n in c.__dataclass_fields__
        }
        assert set(settings) <= known


def test_every_decision_is_listed() -> None:
    listed = (DOCS / "decisions" / "index.md").read_text()
    missing = [p.name for p in (DOCS / "decisions").glob("0*.md") if f"]({p.name})" not in listed]
    assert not missing, "give docs/decisions/index.md a line for each"


def test_the_reference_shows_every_public_name() -> None:
    import sharpwave as sw

    shown = set()
    for page in (DOCS / "reference").glob("*.md"):
        shown |= set(re.findall(r"^::: sharpwave\.([\w.]+)$", page.read_text(), re.MULTILINE))
    assert set(sw.__all__) - {"__version__"} <= shown
    for part in ("agents", "training"):
        pytest.importorskip("torch")
        names = {f"{part}.{name}" for name in getattr(sw, part).__all__}
        assert names <= shown
