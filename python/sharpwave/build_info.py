"""What this build of sharpwave is: for bug reports and benchmark files."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

from sharpwave import _core

__version__: str = _core.build_info()["version"]


def build_config() -> dict[str, str]:
    """Describe the build and the machine's kernels.

    Returns
    -------
    dict of str to str
        ``version``, ``compiler``, ``build_type``, ``assertions``, ``kernels`` (the widest vectors
        that this processor has, or what the environment variable ``SHARPWAVE_CPU`` names),
        ``python``, ``numpy`` and ``platform``.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.build_config()["kernels"] in {"baseline", "avx2", "avx512"}
    True
    """
    built = {name: str(value) for name, value in _core.build_info().items()}
    return built | {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_COMPANIONS = ("torch", "gymnasium")


def machine() -> dict[str, str]:
    """Describe the build, the machine and what is installed beside sharpwave: for bug reports."""
    return build_config() | {"huge pages": _huge_pages()} | {p: _version(p) for p in _COMPANIONS}


def _huge_pages() -> str:
    """Whether the system gives huge pages: always, where a program asks (as ours does), or never."""
    try:
        return _HUGE_PAGES.read_text().partition("[")[2].partition("]")[0] or "unknown"
    except OSError:
        return "unknown"


def _version(package: str) -> str:
    from importlib import metadata  # a third of what importing sharpwave would cost

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
