"""What this build of sharpwave is: for bug reports and benchmark files."""

from __future__ import annotations

import platform

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
