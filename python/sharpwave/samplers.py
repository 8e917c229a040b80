"""How rows are drawn. A sampler is a frozen description; the buffer holds the state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Uniform:
    """Draw every stored row with the same probability, with replacement.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Uniform()
    Uniform()
    """
