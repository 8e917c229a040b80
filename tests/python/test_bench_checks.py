"""The benchmark's rows, the checks that its timings rest on, and the bare loops' output."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import checks, frames, kinds, limit, memory, rounds, workloads
from bench.peers import PEERS

needs_compiler = pytest.mark.skipif(
    shutil.which("c++") is None and "CXX" not in os.environ, reason="limit.cpp needs a C++ compiler"
)


def test_the_check_finds_a_row_that_was_not_stored() -> None:
    rows = workloads.make_rows(100)
    batch = {name: column[10:42].copy() for name, column in vars(rows).items()}
    checks.check_batch("sample/32/arrays", batch, rows)
    batch["next_obs"][3, 5] = np.nextafter(batch["next_obs"][3, 5], np.float32(2))
    with pytest.raises(AssertionError, match="next_obs differs from what was stored"):
        checks.check_batch("sample/32/arrays", batch, rows)


def test_the_check_finds_the_window_of_another_row() -> None:
    rows = workloads.make_rows(5000)
    start = np.arange(5000)
    last, exact = checks.windows(rows, start)
    ended = rows.terminated | rows.truncated
    first = np.flatnonzero(ended)[0]
    np.testing.assert_array_equal(last[first - 4 : first + 1], first)  # none goes past an end
    assert last[0] == 4
    assert exact[10] == pytest.approx(10 + 11 * 0.99 + 12 * 0.99**2 + 13 * 0.99**3 + 14 * 0.99**4)
    batch = {"obs": rows.obs, "reward": exact, "next_obs": rows.next_obs[last]}
    batch["terminated"] = rows.terminated[last]
    checks.check_n_step("n_step/5000/arrays", batch, rows)
    batch["reward"] = exact + np.where(start == 17, 0.01 * exact, 0)
    with pytest.raises(AssertionError, match="return of a window is wrong"):
        checks.check_n_step("n_step/5000/arrays", batch, rows)
    batch["reward"], batch["next_obs"] = exact, rows.next_obs
    with pytest.raises(AssertionError, match="next_obs is not that of a window's last row"):
        checks.check_n_step("n_step/5000/arrays", batch, rows)


def drawing(index: Any) -> Any:
    return lambda calls: {"reward": next(index)}


def test_the_check_finds_draws_that_do_not_follow_priorities() -> None:
    rows = workloads.make_rows(400_000)
    rng = np.random.default_rng(0)
    weight = checks.initial_errors(rows).astype(np.float64) ** checks.ALPHA

    def check(weight: Any) -> None:
        index = iter(rng.choice(400_000, (10, 256), p=weight / weight.sum()))
        checks.check_priorities("prioritized/256/arrays", drawing(index), dict, rows)

    check(weight)
    with pytest.raises(AssertionError, match=r"should have 0\.307"):
        check(np.ones(400_000))


def test_the_check_finds_a_row_that_comes_twice_in_an_epoch() -> None:
    rows = workloads.make_rows(10_000)
    batches = np.random.default_rng(0).permutation(10_000).reshape(-1, 50)
    checks.check_epoch("without_replacement/50/arrays", drawing(iter(batches)), dict, rows)
    batches[3, 7] = batches[1, 20]
    with pytest.raises(AssertionError, match="drawn twice in one epoch"):
        checks.check_epoch("without_replacement/50/arrays", drawing(iter(batches)), dict, rows)


def test_the_check_finds_a_step_out_of_order() -> None:
    mask = np.array([[True, True, False]])
    checks.check_order("sequences/1x3/tensors", {"mask": mask, "reward": np.array([4, 5, 0])})
    with pytest.raises(AssertionError, match="do not follow each other"):
        checks.check_order("sequences/1x3/tensors", {"mask": mask, "reward": np.array([4, 6, 0])})


def test_stacks_share_frames_and_an_episode_repeats_its_first() -> None:
    rows = frames.make_stacks(5000)
    ended = np.flatnonzero(rows.terminated | rows.truncated)
    begin = ended[0] + 1
    first = rows.obs.places[begin, -1]
    assert rows.obs.places[begin].tolist() == [first] * 4
    assert rows.next_obs.places[begin].tolist() == [first] * 3 + [first + 1]
    assert rows.obs.places[begin + 3].tolist() == [first, first + 1, first + 2, first + 3]
    assert rows.next_obs.places[ended[0], -1] + 1 == first  # the final frame is seen nowhere else
    alone = frames.make_frames(5000)
    np.testing.assert_array_equal(alone.obs.places, rows.obs.places[:, -1])
    assert rows.obs[:3].shape == (3, 4, 84, 84) and alone.next_obs[:3].shape == (3, 84, 84)


@needs_compiler
@pytest.mark.parametrize("size", [1, 40, 150])  # in the caches and past them
def test_the_bare_loop_over_stacks_gives_what_was_stored(size: int) -> None:
    rows = frames.make_stacks(3000)
    store = limit.make("stacks", rows)
    for calls in (1, 2, 3):
        batch = limit.stacks(store, size)["tensors"](calls)
        checks.check_batch(f"stacks/{size}/tensors", batch, rows)
        assert len(set(batch["reward"])) > size // 2


@needs_compiler
@pytest.mark.parametrize("size", ["2x8", "20x50"])
def test_the_bare_loop_over_sequences_gives_what_was_stored(size: str) -> None:
    rows = frames.make_frames(3000)
    store = limit.make("frames", rows)
    batch = limit.sequences(store, size)["tensors"](2)
    checks.check_batch(f"sequences/{size}/tensors", batch, rows)
    assert not batch["obs"][~batch["mask"]].any()


def test_our_buffers_pass_the_checks_of_every_kind() -> None:
    process = rounds.Worker("sharpwave")
    with contextlib.closing(process):
        (part,) = kinds.parts(data=["vectors"])
        asked = {name: dataclasses.asdict(kind) for name, kind in part.kinds.items()}
        made = process.ask("make", data="vectors", kinds=asked, rows=100_000)
        names = [name for kind, about in part.kinds.items() for name in about.operations(kind)]
        assert made["operations"] == names
        silent = {"add", "add_16", "add_128", "save"}
        assert set(process.ask("check")["checked"]) == set(names) - silent


# numpy and torch are for everybody, CleanRL is a checkout, Reverb may have a Python of its own
IMPORTED = {
    "sb3": "stable_baselines3", "sb3_extra": "sb3_extra_buffers", "rlox": "rlox", "cpprb": "cpprb",
    "tianshou": "tianshou", "torchrl": "torchrl", "rllib": "ray", "flashbax": "flashbax",
}  # fmt: skip


@pytest.mark.parametrize("data", ["vectors", "stacks", "values"])
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_installed_passes_the_checks(name: str, data: str) -> None:
    pytest.importorskip(IMPORTED.get(name, "torch"))
    (part,) = kinds.parts([kind for kind in kinds.KINDS if kind != "tree"], [data], quick=True)
    asked = {kind: dataclasses.asdict(about) for kind, about in part.kinds.items()}
    with contextlib.closing(rounds.Worker(name)) as process:
        try:
            made = process.ask(
                "make", data=data, kinds=asked, rows=3000 if data == "stacks" else 80_000
            )
        except ImportError as missing:
            pytest.skip(str(missing))
        silent = {"add", "add_16", "add_128", "save", "stacks_add"}
        assert set(process.ask("check")["checked"]) == set(made["operations"]) - silent
        for operation in made["operations"]:
            assert process.ask("time", operation=operation, calls=2)["ns"] > 0


def test_memory_is_counted_in_a_buffer_that_is_full() -> None:
    measured = memory.measure(1500)
    assert 84 * 84 < measured["nbytes"] < 7430


def test_the_check_finds_a_target_that_is_off() -> None:
    exact = workloads.td_exact("target", workloads.make_values(32, 4))
    checks.check_target("target/32x4/arrays", exact.astype(np.float32))
    with pytest.raises(AssertionError, match="off by"):
        checks.check_target("target/32x4/arrays", exact + 2e-5)


@needs_compiler
# on both sides of the distances at which the loop prefetches
@pytest.mark.parametrize("size", [1, 15, 16, 17, 63, 64, 65, 80, 81, 300])
def test_the_bare_loop_gathers_what_numpy_gathers(size: int) -> None:
    rows = workloads.make_rows(1000)
    table = limit.make("uniform", rows)
    batch = limit.sample(table, size)["arrays"](3)
    index = batch["index"]
    assert index.min() >= 0 and index.max() < 1000 and len(set(index)) > size // 2
    for name, stored in vars(rows).items():
        np.testing.assert_array_equal(batch[name], stored[index])
    np.testing.assert_array_equal(
        batch["discount"], np.where(rows.terminated[index], 0, np.float32(0.99))
    )


@needs_compiler
@pytest.mark.parametrize("actions", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", ["target", "double_target"])
def test_the_bare_loop_computes_targets(name: str, actions: int) -> None:
    loops = getattr(limit, name)(workloads.make_values(256, actions))
    checks.check_target(f"{name}/256x{actions}/arrays", loops["arrays"](1))


def test_the_check_finds_an_atom_that_is_off() -> None:
    exact = workloads.c51_exact(workloads.make_values(32, 51))
    np.testing.assert_allclose(exact.sum(1), 1, rtol=1e-6)
    checks.check_target("c51/32x51/tensors", exact.astype(np.float32))
    exact[3, 20] += 1e-3
    with pytest.raises(AssertionError, match="off by"):
        checks.check_target("c51/32x51/tensors", exact)


def test_the_check_finds_rows_that_did_not_come_back() -> None:
    checks.check_load(10, 10)
    with pytest.raises(AssertionError, match="10 rows were saved, 9 came back"):
        checks.check_load(9, 10)


def test_rows_are_chained_inside_an_episode_and_not_across_its_end() -> None:
    rows = workloads.make_rows(20_000)
    ended = rows.terminated | rows.truncated
    chained = np.all(rows.next_obs[:-1] == rows.obs[1:], axis=1)
    assert 0 < ended.sum() < 100
    np.testing.assert_array_equal(chained, ~ended[:-1])
