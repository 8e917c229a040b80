"""What ``torch.compile`` runs as it is: its tracing sees neither C++ nor NumPy's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import torch

Method = TypeVar("Method", bound=Callable[..., object])


def not_traced(method: Method) -> Method:
    """Return a method that a compiled function calls without a look inside."""
    return cast("Method", torch.compiler.disable(method))  # which has lost the type
