"""The errors that are sharpwave's own; everything else is Python's ValueError, KeyError and so on.

ValueError
└── CheckpointError
"""

from __future__ import annotations


class CheckpointError(ValueError):
    """A saved buffer that is damaged, or not one: its message says what was expected and what came.

    Examples
    --------
    >>> import sharpwave as sw
    >>> issubclass(sw.CheckpointError, ValueError)
    True
    """
