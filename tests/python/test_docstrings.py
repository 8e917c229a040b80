"""Every public name has a docstring, and the examples in it run."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import sharpwave as sw

OPTIONAL = ("torch", "gymnasium")


def documented() -> Iterator[tuple[str, Any]]:
    """The public names, their public methods and properties, and the functions of modules."""
    yield "sharpwave", sw
    for name in sw.__all__:
        try:
            value = getattr(sw, name)
        except ModuleNotFoundError:  # sharpwave.agents without torch
            continue
        if inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value):
            yield f"sharpwave.{name}", value
        if inspect.isclass(value):
            yield from members(f"sharpwave.{name}", value)
        elif inspect.ismodule(value):
            yield from functions(f"sharpwave.{name}", value)


def members(path: str, cls: type) -> Iterator[tuple[str, Any]]:
    ours = [base for base in cls.__mro__ if base.__module__.startswith("sharpwave")]
    names = {name for base in ours for name in vars(base) if not name.startswith("_")}
    fields = set(getattr(cls, "__dataclass_fields__", ()))  # told in the docstring of the class
    for name in sorted(names - fields):
        yield f"{path}.{name}", inspect.getattr_static(cls, name)


def text_of(path: str) -> str:
    """The docstring, without the signature that pybind11 puts before it."""
    text = inspect.getdoc(DOCUMENTED[path]) or ""
    return re.sub(r"\A\w+\(.*\) -> .*\n*", "", text)


def functions(path: str, module: Any) -> Iterator[tuple[str, Any]]:
    for name, value in sorted(vars(module).items()):
        if not name.startswith("_") and inspect.isroutine(value):
            yield f"{path}.{name}", value


DOCUMENTED = dict(documented())


@pytest.mark.parametrize("path", DOCUMENTED)
def test_it_has_a_docstring(path) -> None:
    text = text_of(path)
    assert text, f"{path} has no docstring"
    assert text != inspect.getdoc(object), f"{path} has the docstring of object"
    assert text.split("\n")[0].rstrip().endswith((".", ":", ")")), "the first line is a sentence"


@pytest.mark.parametrize("path", DOCUMENTED)
def test_its_examples_run(path, tmp_path, monkeypatch) -> None:
    text = text_of(path)
    for module in OPTIONAL:
        if f"import {module}" in text or f".{module}(" in text:
            pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(text, {"np": np, "sw": sw}, path, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("path", ["sharpwave.ReplayBuffer", "sharpwave.td.target"])
def test_the_chief_names_have_examples(path) -> None:
    assert ">>>" in text_of(path)
