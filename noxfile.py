# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""The chores by name: `nox -s test lint`. CI does the same by .ci/run, which needs no nox."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["test", "test_cpp", "lint", "types"]

SUFFIXES = (".hpp", ".cpp", ".inl")
CPP = sorted(
    str(path)
    for folder in ("cpp", "tests/cpp", "bench")
    for path in Path(folder).rglob("*")
    if path.suffix in SUFFIXES
)


@nox.session
def test(session: nox.Session) -> None:
    """The Python tests on the installed package; arguments go to pytest."""
    session.install("-c", "constraints.txt", ".[train,test]")
    session.run("pytest", *session.posargs)


@nox.session
def compat(session: nox.Session) -> None:
    """The adapters beside the peers' own classes; arguments go to pytest."""
    session.install("-c", "constraints.txt", ".[train,test]")
    session.install("-c", "constraints.txt", "--group", "peers")
    session.run("pytest", "tests/compat", *session.posargs)


@nox.session
def test_cpp(session: nox.Session) -> None:
    """The C++ tests under address and undefined behaviour sanitizers (or: -- dev, -- tsan)."""
    session.install("cmake>=3.25")
    session.run("cmake", "--workflow", "--preset", *(session.posargs or ["asan"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, clang-format and clang-tidy."""
    session.install("cmake>=3.25")
    session.install("--group", "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("clang-format", "--dry-run", "-Werror", *CPP)
    session.run("cmake", "--preset", "asan", silent=True)
    core = [path for path in CPP if path.startswith("cpp/sharpwave/") and path.endswith(".cpp")]
    here = [path for path in core if not path.endswith("_windows.cpp")]
    session.run("clang-tidy", "--quiet", "-p", "build/asan", *here)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on the package."""
    session.install("-c", "constraints.txt", ".[train]")
    session.install("--group", "lint")
    session.run("mypy", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The site, in build/site; every warning is an error. `nox -s docs -- serve` shows it."""
    session.install("-c", "constraints.txt", ".")
    session.install("-c", "constraints.txt", "--group", "docs")
    session.run(
        "mkdocs", *(session.posargs or ["build", "--strict"]), env={"NO_MKDOCS_2_WARNING": "1"}
    )


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmark against the peers, on a quiet machine; arguments go to it."""
    session.install("-c", "constraints.txt", ".[train,bench]")
    session.run("python", "-m", "bench", *session.posargs)


@nox.session
def model(session: nox.Session) -> None:
    """The model test for a night: a million operations from a seed of the day (-- SEED)."""
    session.install(".[test]")
    seed = session.posargs[0] if session.posargs else "1"
    env = {"SHARPWAVE_TEST_OPERATIONS": "1000000", "SHARPWAVE_TEST_SEED": seed}
    session.run("pytest", "tests/python/test_model.py", "-k", "random_operations", env=env)
