"""What a release has saved, today's code reads: the same rows, and a buffer that goes on."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from golden import GOLDEN, NAMES, rows_of
from test_save_load import feed

import sharpwave as sw

SAVED = [folder / name for folder in sorted(GOLDEN.iterdir()) for name in NAMES]


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_buffer_of_an_earlier_release_has_its_rows(saved, tmp_path) -> None:
    buffer = sw.ReplayBuffer.load(saved / "buffer")
    rows = rows_of(buffer)
    with np.load(saved / "rows.npz") as expected:
        assert set(rows) == set(expected)
        for name in expected:
            assert rows[name].dtype == expected[name].dtype, name
            assert rows[name].tobytes() == expected[name].tobytes(), name

    feed(buffer, 5, seed=3)
    buffer.sample(8)
    shutil.copytree(saved / "buffer", tmp_path / "copy")
    buffer.save(tmp_path / "copy")
    assert len(sw.ReplayBuffer.load(tmp_path / "copy")) == len(buffer)


def test_this_version_has_its_folder() -> None:
    assert (GOLDEN / sw.__version__).is_dir(), "python tests/python/golden.py writes it"
