"""Buffers across os.fork().

A child gets a copy of every buffer. Each is locked while the process is copied, so that no thread
is in the middle of a row, and the child's copy draws from a stream of its own: workers that sampled
what their siblings sample would be a silent waste.
"""

from __future__ import annotations

import os
from weakref import WeakSet

from sharpwave import _core

_buffers: WeakSet[_core.ReplayBuffer] = WeakSet()
_locked: list[_core.ReplayBuffer] = []


def watch(buffer: _core.ReplayBuffer) -> None:
    """Have this buffer survive a fork."""
    _buffers.add(buffer)


def _before() -> None:
    # In one order, so that two threads that fork at once do not wait for each other.
    for buffer in sorted(_buffers, key=id):
        buffer._before_fork()
        _locked.append(buffer)


def _in_parent() -> None:
    while _locked:
        _locked.pop()._after_fork_in_parent()


def _in_child() -> None:
    while _locked:
        _locked.pop()._after_fork_in_child(os.getpid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
