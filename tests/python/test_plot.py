"""The figure: that it is written, and what it shows."""

from __future__ import annotations

import doctest
import re
import sys

import numpy as np
import pytest
from run_folders import write_run, write_sweep

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from sharpwave.training import plot as module
from sharpwave.training.curves import curves

plot = module.plot


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("name", "begin"), [("a.png", b"\x89PNG"), ("deep/er/a.svg", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_a_file_of_the_kind_that_its_name_says(tmp_path, name, begin) -> None:
    write_sweep(tmp_path / "runs", 4)
    (curve,) = plot([tmp_path / "runs"], tmp_path / name)
    first = (tmp_path / name).read_bytes()
    assert first.startswith(begin)
    assert str(curve) == str(curves([tmp_path / "runs"])[0])
    plot([tmp_path / "runs"], tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def words_of(path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


def test_the_figure_says_what_is_to_be_seen(tmp_path) -> None:
    write_sweep(tmp_path / "a", 5, env="Left-v0", algo="dqn")
    write_sweep(tmp_path / "b", 4, env="Right-v0", algo="dqn")
    write_sweep(tmp_path / "c", 3, env="Right-v0", algo="c51")
    plot([tmp_path], tmp_path / "curves.svg", level=0.9)
    words = words_of(tmp_path / "curves.svg")
    for word in ("Left-v0", "Right-v0", "evaluation return", "environment steps"):
        assert word in words
    assert "dqn (IQM of 4–5 seeds)" in words
    assert "c51 (mean of 3 seeds)" in words
    assert "band: 90% bootstrap interval over seeds" in words


def test_a_single_seed_has_no_band_and_speaks_of_none(tmp_path) -> None:
    write_run(tmp_path / "a", episodes=[(5, 1.0), (9, 2.0)])
    plot([tmp_path], tmp_path / "curves.svg")
    words = words_of(tmp_path / "curves.svg")
    assert "dqn (1 seed)" in words
    assert "training return" in words
    assert not any("band" in word for word in words)


def test_lines_and_bands_are_the_curves(tmp_path) -> None:
    write_sweep(tmp_path / "a", 5, algo="dqn")
    write_sweep(tmp_path / "b", 5, algo="c51", env="Other-v0")
    found = curves([tmp_path])
    figure = module._figure(found, 0.95)
    assert len(figure.axes) == 2
    for curve, panel in zip(found, figure.axes, strict=True):
        (line,) = panel.lines
        np.testing.assert_array_equal(line.get_xydata(), np.c_[curve.steps, curve.value])
        (band,) = panel.collections
        vertices = {tuple(vertex) for vertex in band.get_paths()[0].vertices}
        assert {*zip(curve.steps, curve.low, strict=True)} <= vertices
        assert {*zip(curve.steps, curve.high, strict=True)} <= vertices


def test_a_label_looks_the_same_in_every_panel_and_no_two_look_alike(tmp_path) -> None:
    for env in ("A-v0", "B-v0"):
        for algo in ("x", "y"):
            write_run(tmp_path / env / algo, env=env, algo=algo, evaluations=[(1, 1.0), (2, 1.0)])
    figure = module._figure(curves([tmp_path]), 0.95)
    colors = [[line.get_color() for line in panel.lines] for panel in figure.axes]
    assert colors[0] == colors[1]
    assert len(set(colors[0])) == 2


def test_more_groups_than_colours_and_panels_than_columns(tmp_path) -> None:
    for number in range(9):
        points = [(1, 1.0), (2, number)]
        write_run(tmp_path / f"a{number}", algo=f"a{number}", evaluations=points)
    for number in range(4):
        write_run(tmp_path / f"e{number}", env=f"E{number}-v0", evaluations=points)
    found = plot([tmp_path], tmp_path / "curves.png")
    looks = module._looks(found)
    assert len(looks) == len(set(looks.values())) == 10


def test_nothing_is_left_of_the_style(tmp_path) -> None:
    import matplotlib

    write_sweep(tmp_path, 2)
    before = dict(matplotlib.rcParams)
    plot([tmp_path], tmp_path / "a.svg")
    assert dict(matplotlib.rcParams) == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_a_format_that_nobody_knows(tmp_path) -> None:
    write_sweep(tmp_path, 2)
    with pytest.raises(ValueError, match="doodle"):
        plot([tmp_path], tmp_path / "a.doodle")


def test_a_folder_without_runs_leaves_no_file(tmp_path) -> None:
    with pytest.raises(ValueError, match="expected a run's folder"):
        plot([tmp_path], tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch) -> None:
    write_sweep(tmp_path, 2)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "sharpwave\[plot\]"') as caught:
        plot([tmp_path], tmp_path / "a.png")
    assert caught.value.name == "matplotlib"
