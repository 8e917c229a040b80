"""Tianshou's suite on ``sharpwave.compat.tianshou``.

PYTHONPATH=tests:CHECKOUT pytest -p dropin.tianshou CHECKOUT/test/base/test_buffer.py test_returns.py ...
"""

from __future__ import annotations

import sys

import tianshou.data as peer
import tianshou.trainer  # noqa: F401 - so that what it imports is replaced as well

import sharpwave.compat.tianshou as ours
from dropin.exceptions import mark

EXCEPTIONS: dict[str, str] = {}

REPLACED = {getattr(peer, name): getattr(ours, name) for name in ours.__all__}


def is_user(module: str) -> bool:
    """Whether a module uses Tianshou's buffers and is not one that defines them."""
    return module.split(".", maxsplit=1)[0] == "tianshou" and not module.startswith(
        "tianshou.data.buffer"
    )


for module in [module for name, module in sys.modules.items() if is_user(name)]:
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and value in REPLACED:
            setattr(module, name, REPLACED[value])


def pytest_collection_modifyitems(items) -> None:
    mark(items, EXCEPTIONS)
