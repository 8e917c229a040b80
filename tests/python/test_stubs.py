"""_core.pyi against the compiled module: the same names, the same parameters.

A stub that nobody checks describes a module that is no longer there. Type checkers read the
stub, so it is compared with what the module says of itself: `__text_signature__` where there is
one, and the first line of the docstring that pybind11 writes where there is none.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import sharpwave
from sharpwave import _core

STUB = ast.parse((Path(sharpwave.__file__).parent / "_core.pyi").read_text())
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Members that Python itself gives a class, or that only pybind11 gives one.
IGNORED = {"__doc__", "__module__", "__qualname__", "__dict__", "__weakref__", "__new__"}
IGNORED |= {"__hash__", "__static_attributes__", "__firstlineno__", "__annotations__"}


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def declared(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a stub declares, by name. Imports and private aliases are its own business."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, Function | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


def declared_parameters(node: Function) -> list[str]:
    spec = node.args
    names = [a.arg for a in spec.posonlyargs]
    names += ["/"] if spec.posonlyargs else []
    names += [a.arg for a in spec.args]
    names += [f"*{spec.vararg.arg}"] if spec.vararg else ["*"] if spec.kwonlyargs else []
    names += [a.arg for a in spec.kwonlyargs]
    names += [f"**{spec.kwarg.arg}"] if spec.kwarg else []
    return without_self(names)


def compiled_parameters(function: Any) -> list[str] | None:
    """None where the module says nothing about its parameters."""
    try:
        text = str(inspect.signature(function))
    except (ValueError, TypeError):
        first = (function.__doc__ or "").strip().split("\n")[0]
        if not (match := re.match(rf"{function.__name__}(\(.*\))", first)):
            return None
        text = match[1].split(" -> ")[0]
    parts = split_arguments(text.strip()[1:-1])
    return without_self([re.split(r"[:=]", part)[0].strip() for part in parts])


def split_arguments(text: str) -> list[str]:
    """Split at the commas that are in no bracket and in no string."""
    parts, depth, quote, start = [], 0, "", 0
    for at, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def without_self(names: list[str]) -> list[str]:
    names = names[1:] if names and names[0] in ("self", "$self", "cls", "$type") else names
    return names[1:] if names and names[0] == "/" else names


CLASSES = sorted(name for name in public(vars(_core)) if inspect.isclass(getattr(_core, name)))


def test_the_stub_declares_the_names_of_the_module() -> None:
    assert public(declared(STUB.body)) == public(vars(_core))


@pytest.mark.parametrize("name", CLASSES)
def test_the_stub_declares_the_members_of_the_class(name) -> None:
    node = declared(STUB.body)[name]
    assert isinstance(node, ast.ClassDef)
    members = declared(node.body)
    compiled = vars(getattr(_core, name))
    assert public(members) == public(compiled)
    special = {member for member in members if member.startswith("__")} - {"__init__"}
    assert special <= {m for k in getattr(_core, name).__mro__ for m in vars(k)} | IGNORED


@pytest.mark.parametrize(
    ("owner", "name"),
    [("", n) for n in sorted(public(vars(_core))) if inspect.isroutine(getattr(_core, n))]
    + [
        (c, n)
        for c in CLASSES
        for n, v in sorted(vars(getattr(_core, c)).items())
        if inspect.isroutine(v) and (n == "__init__" or not n.startswith("_"))
    ],
)
def test_the_stub_declares_the_parameters(owner, name) -> None:
    body = declared(STUB.body)[owner].body if owner else STUB.body  # type: ignore[attr-defined]
    node = declared(body).get(name)
    function = getattr(getattr(_core, owner), name) if owner else getattr(_core, name)
    compiled = compiled_parameters(function)
    if compiled is None:
        pytest.skip("the module does not say")
    assert isinstance(node, Function)
    assert declared_parameters(node) == compiled
