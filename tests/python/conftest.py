"""What every test starts from: one thread for torch, and a header that makes a report complete."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import pytest

import sharpwave as sw

with contextlib.suppress(ModuleNotFoundError):
    import torch

    torch.set_num_threads(1)


def pytest_report_header() -> str:
    return f"sharpwave: {sw.build_config()}"


@pytest.fixture
def collected() -> Iterator[None]:
    """For tests that count memory or references: start and end with the garbage gone."""
    gc.collect()
    yield
    gc.collect()
