"""What the reference shows: docstrings of the compiled classes, links where a docstring has roles.

A stub has no docstrings; those of the compiled classes are in `cpp/bindings`, and are read off the
module. So the package has to be installed where the site is built.
"""

from __future__ import annotations

import inspect
import re
from functools import cached_property, partial
from typing import Any

import griffe

from sharpwave import _core

ROLE = re.compile(r":(?:class|meth|func|attr):`([^`]+)`")
SIGNATURE = re.compile(r"\A\w+\(.*\) -> .*\n*")  # pybind11 puts it before the docstring


class Docstrings(griffe.Extension):
    """Complete the package that was read from its files."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Read what the compiled module says, take borrowed methods for methods, link."""
        _read_compiled(pkg["_core"], _core)
        for module in _modules(pkg):
            for item in _own(module):
                _borrow(item)
                if item.docstring is not None:
                    text = ROLE.sub(partial(_link, item), item.docstring.value)
                    item.docstring = Docstring(text, parent=item, lineno=item.docstring.lineno)


class Docstring(griffe.Docstring):
    """A NumPy docstring in which ``a, b : int`` stays one line of the table."""

    def __init__(self, value: str, **where: Any) -> None:
        super().__init__(value, parser=griffe.Parser.numpy, **where)

    @cached_property
    def parsed(self) -> list[griffe.DocstringSection]:
        sections = self.parse()
        for section in sections:
            if section.kind in (
                griffe.DocstringSectionKind.parameters,
                griffe.DocstringSectionKind.other_parameters,
            ):
                section.value = _merged(section.value)
        return sections


def _merged(parameters: list[Any]) -> list[Any]:
    lines: list[Any] = []
    for parameter in parameters:
        if str(parameter.annotation) == "Any":
            parameter.annotation = None  # which says nothing
        elif " - " in str(parameter.annotation):  # path-like, which was taken for a difference
            parameter.annotation = str(parameter.annotation).replace(" - ", "-")
        said = (parameter.description, str(parameter.annotation))
        if lines and said == (lines[-1].description, str(lines[-1].annotation)):
            lines[-1].name += f", {parameter.name}"
        else:
            lines.append(parameter)
    return lines


def _modules(module: griffe.Module) -> list[griffe.Module]:
    inner = [m for m in module.members.values() if isinstance(m, griffe.Module)]
    return [module, *(found for m in inner for found in _modules(m))]


def _own(scope: Any) -> list[Any]:
    """A module or class, and what is written in it."""
    written = [m for m in scope.members.values() if not m.is_alias and not m.is_module]
    return [scope, *(o for m in written for o in (_own(m) if m.is_class else [m]))]


def _read_compiled(scope: Any, value: Any) -> None:
    for name, member in scope.members.items():
        compiled = inspect.getattr_static(value, name, None)
        if member.is_alias or compiled is None:
            continue
        text = inspect.getdoc(compiled)
        if text and name != "__init__":
            member.docstring = griffe.Docstring(SIGNATURE.sub("", text), parent=member)
        if member.is_class:
            _read_compiled(member, compiled)


def _borrow(scope: Any) -> None:
    """Show `prefetch = _prefetch` in a class as the method that it is."""
    for name, member in list(scope.members.items()) if scope.is_class else ():
        if (
            member.is_alias
            or not member.is_attribute
            or not isinstance(member.value, griffe.ExprName)
        ):
            continue
        found = scope.module.members.get(member.value.name)
        if found is not None and found.is_alias:
            scope.members[name] = griffe.Alias(name, found.target_path, parent=scope)


def _link(item: Any, role: re.Match[str]) -> str:
    return f"[`{role[1]}`][{_resolved(item, role[1])}]"


def _resolved(item: Any, name: str) -> str:
    """Return the path that a name in a docstring means: looked up where it is written, and outwards."""
    head, _, rest = name.partition(".")
    scope = item
    while scope is not None:
        if scope.is_class or scope.is_module:
            found = (scope.all_members if scope.is_class else scope.members).get(head)
            if found is not None:
                path = found.final_target.path if found.is_alias else found.path
                return f"{path}.{rest}" if rest else path
        scope = scope.parent
    return name
