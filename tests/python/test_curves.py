"""Learning curves: which runs are put together, what they are called, and their numbers."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from run_folders import write_run, write_sweep

pytest.importorskip("torch")

from sharpwave.training import curves as module
from sharpwave.training.statistics import bootstrap, iqm, moving_mean

curves = module.curves


def test_the_examples_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(module).failed == 0


# --- numbers


@pytest.mark.parametrize(("seeds", "statistic"), [(2, "mean"), (3, "mean"), (4, "IQM"), (6, "IQM")])
def test_a_curve_is_the_iqm_of_its_seeds_and_its_interval(tmp_path, seeds, statistic) -> None:
    values = write_sweep(tmp_path, seeds)
    (curve,) = curves([tmp_path])
    assert (curve.env, curve.label, curve.source) == ("CartPole-v1", "dqn", "evaluation")
    assert (curve.seeds, curve.statistic) == (seeds, statistic)
    assert curve.steps.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(curve.value, iqm(values))
    np.testing.assert_array_equal([curve.low, curve.high], bootstrap(values))
    if statistic == "mean":
        np.testing.assert_allclose(curve.value, values.mean(axis=0))


def test_a_single_seed_has_no_interval(tmp_path) -> None:
    (values,) = write_sweep(tmp_path, 1)
    (curve,) = curves([tmp_path])
    np.testing.assert_array_equal(curve.value, values)
    assert np.isnan([curve.low, curve.high]).all()
    assert str(curve).endswith(f"evaluation return {values[-1]:.2f}, 1 seed")


def test_level_and_seed_are_those_of_the_bootstrap(tmp_path) -> None:
    values = write_sweep(tmp_path, 5)
    (curve,) = curves([tmp_path], level=0.5, seed=3)
    expected = bootstrap(values, level=0.5, seed=3)
    np.testing.assert_array_equal([curve.low, curve.high], expected)


def test_runs_evaluated_at_different_steps_meet_where_all_have_begun(tmp_path) -> None:
    write_run(tmp_path / "a", seed=0, evaluations=[(10, 0.0), (20, 10.0), (30, 20.0)])
    write_run(tmp_path / "b", seed=1, evaluations=[(15, 1.0), (35, 3.0)])
    (curve,) = curves([tmp_path])
    assert curve.steps.tolist() == [15, 20, 30]
    np.testing.assert_allclose(curve.value, [(5 + 1) / 2, (10 + 1.5) / 2, (20 + 2.5) / 2])


def test_a_curve_ends_with_its_shortest_run_unless_that_one_was_solved(tmp_path) -> None:
    points = [(10, 1.0), (20, 2.0), (30, 3.0)]
    write_run(tmp_path / "a", seed=0, evaluations=points)
    short = write_run(tmp_path / "b", seed=1, evaluations=points[:2], ended=None)
    (curve,) = curves([tmp_path])
    assert (curve.steps.tolist(), curve.value.tolist()) == ([10, 20], [1.0, 2.0])
    (short / "result.json").write_text('{"ended": "solved"}')
    (curve,) = curves([tmp_path])
    assert (curve.steps.tolist(), curve.value.tolist()) == ([10, 20, 30], [1.0, 2.0, 2.5])


def test_where_all_were_solved_the_curve_goes_on_to_the_last(tmp_path) -> None:
    write_run(tmp_path / "a", seed=0, evaluations=[(10, 1.0), (20, 4.0)], ended="solved")
    write_run(tmp_path / "b", seed=1, evaluations=[(10, 2.0)], ended="solved")
    (curve,) = curves([tmp_path])
    assert (curve.steps.tolist(), curve.value.tolist()) == ([10, 20], [1.5, 3.0])


def test_very_many_points_are_thinned_out(tmp_path) -> None:
    steps = np.arange(1, 2001)
    write_run(tmp_path / "a", evaluations=zip(steps, steps, strict=True))
    (curve,) = curves([tmp_path])
    assert len(curve.steps) == module.MOST_POINTS
    assert (curve.steps[0], curve.steps[-1]) == (1, 2000)
    np.testing.assert_allclose(curve.value, curve.steps)


def test_training_returns_are_means_over_a_window(tmp_path) -> None:
    generator = np.random.default_rng(0)
    series = []
    for seed in (0, 1):
        steps = np.append(np.cumsum(generator.integers(1, 9, 80)), 500)
        returns = generator.normal(size=81).round(3)
        episodes = zip(steps, returns, strict=True)
        write_run(tmp_path / f"{seed}", seed=seed, evaluations=[(5, 9.0)], episodes=episodes)
        series.append((steps, returns))
    (curve,) = curves([tmp_path], y="training", window=0.1)
    assert (curve.source, curve.steps[-1]) == ("training", 500)
    assert curve.steps[0] >= max(steps[0] for steps, _ in series)
    expected = [moving_mean(*one, curve.steps, 50) for one in series]
    np.testing.assert_allclose(curve.value, np.mean(expected, axis=0))


def test_runs_without_evaluations_show_their_training(tmp_path) -> None:
    write_run(tmp_path / "a", episodes=[(50, 1.0), (100, 3.0)], evaluations=[])
    (curve,) = curves([tmp_path], window=1)
    assert (curve.source, curve.value[0], curve.value[-1]) == ("training", 1.0, 2.0)


def test_a_run_that_has_no_return_yet_is_left_out(tmp_path) -> None:
    write_run(tmp_path / "a", seed=0, evaluations=[(10, 1.0)])
    write_run(tmp_path / "b", seed=1, ended=None)
    (curve,) = curves([tmp_path])
    assert curve.seeds == 1


# --- groups


def names(folder, **options) -> list[tuple[str, str, int]]:
    return [(curve.env, curve.label, curve.seeds) for curve in curves([folder], **options)]


def test_a_curve_for_each_environment_and_algorithm(tmp_path) -> None:
    for env in ("A-v0", "B-v0"):
        for algo in ("c51", "dqn"):
            write_sweep(tmp_path / env / algo, 2, env=env, algo=algo)
    assert names(tmp_path) == [
        ("A-v0", "c51", 2),
        ("A-v0", "dqn", 2),
        ("B-v0", "c51", 2),
        ("B-v0", "dqn", 2),
    ]


def test_runs_of_other_settings_are_no_seeds_of_the_same(tmp_path) -> None:
    points = [(10, 1.0)]
    number = 0
    for rate, hidden in ((1e-3, [64]), (3e-4, [64]), (3e-4, [256, 128])):
        for seed in range(2):
            settings = {"learning_rate": rate, "hidden": hidden, "gamma": 0.99}
            folder = tmp_path / f"{number}"
            write_run(folder, seed=seed, threads=seed + 1, evaluations=points, **settings)
            number += 1
    write_run(tmp_path / "other", algo="c51", atoms=51, evaluations=points)
    assert [label for _, label, _ in names(tmp_path)] == [
        "dqn, learning_rate=0.001, hidden=64",
        "dqn, learning_rate=0.0003, hidden=64",
        "dqn, learning_rate=0.0003, hidden=256,128",
        "c51",
    ]


def test_what_makes_no_other_run_makes_no_other_curve(tmp_path) -> None:
    points = [(10, 1.0)]
    write_run(tmp_path / "a", seed=0, evaluations=points, device="cpu")
    write_run(tmp_path / "b", seed=1, evaluations=points, device="cuda", threads=4, tau=None)
    write_run(tmp_path / "c", seed=2, evaluations=points, tau=0.5)
    assert names(tmp_path) == [
        ("CartPole-v1", "dqn, tau=None", 2),
        ("CartPole-v1", "dqn, tau=0.5", 1),
    ]


def test_labels_name_folders_whatever_the_settings(tmp_path) -> None:
    write_run(tmp_path / "a" / "0", seed=0, evaluations=[(10, 1.0)], gamma=0.9)
    write_run(tmp_path / "a" / "1", seed=1, evaluations=[(10, 3.0)], gamma=0.8)
    write_run(tmp_path / "b", seed=0, evaluations=[(10, 5.0)])
    found = curves([tmp_path / "a", tmp_path / "b"], labels=["ours", "theirs"])
    assert [(c.label, c.seeds, c.value[0]) for c in found] == [("ours", 2, 2), ("theirs", 1, 5)]
    with pytest.raises(ValueError, match="labels: expected 1, one for each folder, got 2"):
        curves([tmp_path], labels=["ours", "theirs"])


def test_the_same_seed_twice_is_no_second_seed(tmp_path) -> None:
    write_run(tmp_path / "a", seed=4, evaluations=[(10, 1.0)])
    write_run(tmp_path / "b", seed=4, evaluations=[(10, 1.0)], threads=2)
    with pytest.raises(ValueError, match=r"dqn: expected different seeds, but .*a and .*b both"):
        curves([tmp_path])
    assert len(curves([tmp_path / "a", tmp_path / "b"], labels=["x", "y"])) == 2


# --- errors


def test_runs_without_any_return_are_named(tmp_path) -> None:
    write_run(tmp_path / "a", episodes=[])
    with pytest.raises(ValueError, match="expected runs with returns, but no evaluation"):
        curves([tmp_path])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": "loss"}, "y: expected one of evaluation, training, got 'loss'"),
        ({"window": 0}, "window: expected a finite number above 0 and at most 1, got 0"),
        ({"level": 95}, "level: expected a number above 0 and below 1, got 95"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path, options, message) -> None:
    write_sweep(tmp_path, 2)
    with pytest.raises(ValueError, match=message):
        curves([tmp_path], **options)
