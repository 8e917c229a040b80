"""Buffers across os.fork().

A child gets a copy of every buffer. Each is locked while the process is copied, so that no thread
is in the middle of a row, and the child's copy draws from a stream of its own: workers that sampled
what their siblings sample would be a silent waste. A child has none of its parent's threads either:
an iterator that draws ahead starts a new one when it is asked for a batch.
"""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

from sharpwave import _core

# Held during a fork: by one of two threads that fork at once, and while no thread adds to the sets.
_lock = threading.Lock()
_buffers: WeakSet[_core.ReplayBuffer] = WeakSet()
_prefetches: WeakSet[_core.Prefetch] = WeakSet()
_locked: list[_core.ReplayBuffer] = []


def watch(buffer: _core.ReplayBuffer) -> None:
    """Have this buffer survive a fork."""
    with _lock:
        _buffers.add(buffer)


def watch_prefetch(batches: _core.Prefetch) -> None:
    """Have this iterator survive a fork."""
    with _lock:
        _prefetches.add(batches)


def _before() -> None:
    _lock.acquire()
    for buffer in list(_buffers):
        buffer._before_fork()
        _locked.append(buffer)


def _in_parent() -> None:
    while _locked:
        _locked.pop()._after_fork_in_parent()
    _lock.release()


def _in_child() -> None:
    while _locked:
        _locked.pop()._after_fork_in_child(os.getpid())
    for batches in list(_prefetches):
        batches._after_fork_in_child()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
