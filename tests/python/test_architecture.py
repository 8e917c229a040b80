"""The house's rules of direction: who may look at whom, and how long a file may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "cpp" / "sharpwave"
BINDINGS = ROOT / "cpp" / "bindings"
PACKAGE = ROOT / "python" / "sharpwave"
LONGEST = 500

pytestmark = pytest.mark.skipif(not CORE.is_dir(), reason="needs the source tree")

# A core file includes only files of its own room and of the rooms before it in this list.
ROOMS = """
error rng crc32c archive schema encode kernels/cpu memory table ring episode successor frame_stack
transitions listing n_step sequence samplers/sampler samplers/eligible samplers/uniform samplers/without_replacement
samplers/recency samplers/sum_tree samplers/strata samplers/prioritized samplers/ranking samplers/rank_prioritized
samplers/any_sampler stats batch gather columns step_ring hindsight replay_buffer prefetch checkpoint td q_table adam sum transpose mlp noisy_layer
q_network exponential categorical dqn_step
critics squashed_gaussian sac_step td3_step
""".split()
# Files that are a part of another file's room.
ANNEXES = {
    "memory_posix": "memory",
    "memory_windows": "memory",
    "transitions_archive": "transitions",
    "kernels/kernels": "kernels/cpu",
    "kernels/adam": "kernels/cpu",
    "kernels/convert": "kernels/cpu",
    "kernels/gemm": "kernels/cpu",
    "kernels/large": "kernels/cpu",
    "kernels/power": "kernels/cpu",
    "kernels/quad": "kernels/cpu",
    "kernels/sum_tree": "kernels/cpu",
}
# A Python file imports only files before it in this list; a folder is one entry.
LAYERS = """
_core _nest _bounds _fork field _casting errors build_info spaces autoreset samplers hindsight storage
pinned batch columns draws sum_tree td q_table mlp actor_critic_steps checkpoint imports limiter prefetch stats _checks replay_buffer mix diagnosis doctor
sharpwave compat agents training cli __main__
""".split()


def core_files() -> list[Path]:
    return sorted(p for p in CORE.rglob("*") if p.suffix in (".hpp", ".cpp", ".inl"))


def room(path: str) -> str:
    stem = path.rsplit(".", 1)[0]
    return ANNEXES.get(stem, stem)


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', path.read_text(), re.MULTILINE)


def test_every_core_file_has_a_room() -> None:
    rooms = {room(p.relative_to(CORE).as_posix()) for p in core_files()}
    assert rooms <= set(ROOMS), "give the new file its place in ROOMS"
    assert rooms, "no core files found"


@pytest.mark.parametrize("path", core_files(), ids=lambda p: p.name)
def test_a_core_file_includes_only_rooms_before_its_own(path) -> None:
    own = ROOMS.index(room(path.relative_to(CORE).as_posix()))
    for name in includes(path):
        if name.startswith("sharpwave/"):
            other = room(name.removeprefix("sharpwave/"))
            assert ROOMS.index(other) <= own, f"{path.name} must not include {name}"
        else:
            assert "bindings" not in name, f"{path.name}: the core does not know its bindings"


@pytest.mark.parametrize("path", core_files(), ids=lambda p: p.name)
def test_the_core_knows_no_python(path) -> None:
    text = path.read_text()
    for word in ("Python.h", "pybind11", "PyObject", "arrayobject.h"):
        assert word not in text, f"{path.name} mentions {word}"


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.hpp")), ids=lambda p: p.name)
def test_a_header_opens_with_its_purpose(path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "#pragma once"
    assert lines[1].startswith("// "), "one sentence on what this file is"


def imports(path: Path) -> Iterator[str]:
    """The files of our package that a file imports when it is loaded, by layer."""
    package = ["sharpwave", *path.relative_to(PACKAGE).parent.parts]
    for node in loaded_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def loaded_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All but what only type checkers see, and what a function does when it is called."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from loaded_nodes(node)


def layer(module: str) -> str | None:
    """The layer of a dotted name; None for what is not ours or is a name in a file."""
    parts = module.split(".")
    if parts[0] != "sharpwave":
        return None
    if len(parts) == 1:
        return "sharpwave"
    return parts[1] if parts[1] in LAYERS else None


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", python_files(), ids=lambda p: p.name)
def test_a_python_file_imports_only_layers_before_its_own(path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    own = "sharpwave" if parts == ("__init__",) else parts[0]
    assert own in LAYERS, f"give {path.name} its place in LAYERS"
    relative = set(imports(path))
    # `from . import td` names the package only to reach one file of it.
    reached = {layer(module) for module in relative} - {None}
    if any(module.startswith("sharpwave.") for module in relative):
        reached.discard("sharpwave")
    for other in reached:
        assert LAYERS.index(other) <= LAYERS.index(own), f"{path.name} must not import {other}"


def test_only_the_buffer_its_helpers_and_td_touch_the_compiled_module() -> None:
    users = {p.relative_to(PACKAGE).parts[0] for p in python_files() if "_core" in p.read_text()}
    assert not users & {"agents", "training", "compat", "cli.py"}


def source_files() -> list[Path]:
    folders = ("cpp", "python", "tests", "bench", "docs")
    suffixes = (".hpp", ".cpp", ".inl", ".py", ".pyi", ".md")
    found = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in suffixes]
    return [*found, *ROOT.glob("*.py"), *ROOT.glob("*.md")]


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {p: len(p.read_text().splitlines()) for p in source_files()}
    assert {str(p): n for p, n in lengths.items() if n > LONGEST} == {}


def test_every_cpp_test_is_built() -> None:
    listing = ROOT / "tests" / "cpp" / "CMakeLists.txt"
    text = listing.read_text()
    if "CONFIGURE_DEPENDS" in text:
        return
    tests = {p.name for p in (ROOT / "tests" / "cpp").glob("*_test.cpp")}
    assert {name for name in tests if name not in text} == set()
