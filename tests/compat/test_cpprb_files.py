"""cpprb's files, copies of buffers, and what of cpprb works on top."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cpprb")

from pair_cpprb import (
    BOTH,
    SHARING,
    SIZE,
    STACK_ENV,
    STEP_ENV,
    WINDOWS,
    assert_same,
    assert_same_rows,
    assert_same_weights,
    cpprb,
    episode,
    made,
    sharing_env,
    steps,
)

from sharpwave.compat import cpprb as ours


@pytest.mark.parametrize("options", [{}, *SHARING.values()], ids=["plain", *SHARING])
@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("writer", BOTH, ids=["cpprb", "ours"])
def test_each_reads_the_files_of_the_other(tmp_path, options, safe, writer) -> None:
    rng = np.random.default_rng(0)
    env = sharing_env(options)
    wrote = made(writer, "ReplayBuffer", env, size=40, **options)
    for length in (5, 1, 2, 9, 6):
        for row in episode(rng, length):
            wrote.add(**row)
        wrote.on_episode_end()
    wrote.add(**episode(rng, 4)[0])
    wrote.save_transitions(tmp_path / "rows.npz", safe=safe)
    plain = {**env, "next_obs": STACK_ENV["obs"]}
    readers = [made(ours, "PrioritizedReplayBuffer", env, size=40, **options)]
    readers += [made(module, "ReplayBuffer", plain, size=40) for module in BOTH if safe]
    readers += [made(cpprb, "ReplayBuffer", env, size=40, **options)] if not safe else []
    for reader in readers:
        reader.load_transitions(tmp_path / "rows.npz")
        assert_same_rows(wrote.get_all_transitions(), reader.get_all_transitions())


@pytest.mark.parametrize("writer", BOTH, ids=["cpprb", "ours"])
def test_files_of_windows_are_for_buffers_of_windows(tmp_path, writer) -> None:
    wrote = made(writer, "PrioritizedReplayBuffer", STEP_ENV, Nstep=WINDOWS)
    wrote.add(**steps(np.random.default_rng(0), 8))
    wrote.on_episode_end()
    with (tmp_path / "rows.npz").open("wb") as file:
        wrote.save_transitions(file)
    read = made(ours, "PrioritizedReplayBuffer", STEP_ENV, Nstep=WINDOWS)
    read.load_transitions(tmp_path / "rows.npz")
    assert_same_rows(wrote.get_all_transitions(), read.get_all_transitions())
    plain = made(ours, "ReplayBuffer", STEP_ENV)
    with pytest.raises(ValueError, match="mismatch for Nstep"):
        plain.load_transitions(tmp_path / "rows.npz")
    assert plain.get_stored_size() == 0


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_a_file_is_read_and_not_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = {"safe": True, "Nstep": False, "cache": None, "next_of": None, "version": 1}
    buffer = ours.ReplayBuffer(4, {"a": {}})
    np.savez_compressed("bad.npz", data=np.array({"a": Runs()}, object), **good)
    with pytest.raises(ValueError, match=r"names .*mkdir"):
        buffer.load_transitions("bad.npz")
    assert not (tmp_path / "ran").exists()
    np.savez_compressed("new.npz", data={"a": np.ones((2, 1))}, **{**good, "version": 2})
    with pytest.raises(ValueError, match="Unknown Format Version: 2"):
        buffer.load_transitions("new.npz")
    (tmp_path / "other").write_text("no archive")
    with pytest.raises(ValueError, match="save_transitions wrote"):
        buffer.load_transitions(tmp_path / "other")
    assert buffer.get_stored_size() == 0


@pytest.mark.parametrize(
    "options",
    [{}, *SHARING.values(), {"Nstep": WINDOWS}, {"check_for_update": True}],
    ids=["plain", *SHARING, "windows", "checked"],
)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_copy_goes_on_as_the_buffer_does(options, again) -> None:
    rng = np.random.default_rng(0)
    first = ours.PrioritizedReplayBuffer(SIZE, sharing_env(options), **options)
    for row in [*episode(rng, 9), *episode(rng, 7)]:
        first.add(**row, priorities=rng.random())
    second = again(first)
    np.random.seed(0)
    batch = first.sample(8)
    assert_same(first, second)
    np.random.seed(0)
    assert_same_rows(batch, second.sample(8))
    kept = second.get_all_transitions()
    rows = episode(rng, 6)
    first_rows = [first.add(**row) for row in rows]
    assert_same_rows(kept, second.get_all_transitions())
    assert [second.add(**row) for row in rows] == first_rows
    for buffer in (first, second):
        buffer.on_episode_end()
        buffer.update_priorities([2], [1.5])
    assert_same(first, second)
    assert_same_weights(first, second)


def test_a_copy_of_little_is_small() -> None:
    buffer = ours.PrioritizedReplayBuffer(100_000, STEP_ENV)
    buffer.add(**steps(np.random.default_rng(0), 5))
    assert len(pickle.dumps(buffer)) < 10_000


@pytest.mark.parametrize("prioritized", [False, True])
@pytest.mark.parametrize("strategy", ["future", "episode", "final", "random"])
def test_their_hindsight_works_on_top(monkeypatch, prioritized, strategy) -> None:
    filled = []
    for module in BOTH:
        for name in ("ReplayBuffer", "PrioritizedReplayBuffer"):
            monkeypatch.setattr(cpprb.HER, name, getattr(module, name))
        env = {"obs": {"shape": 2}, "act": {}, "next_obs": {"shape": 2}}
        hindsight = cpprb.HER.HindsightReplayBuffer(
            100,
            env,
            max_episode_len=10,
            reward_func=lambda s, a, g: -1.0 * (s != g).any(axis=1),
            strategy=strategy,
            additional_goals=2,
            prioritized=prioritized,
        )
        hindsight.rng = np.random.default_rng(0)
        rng = np.random.default_rng(1)
        for length in (4, 7, 1):
            for _ in range(length):
                hindsight.add(obs=rng.integers(0, 3, 2), act=1, next_obs=rng.integers(0, 3, 2))
            hindsight.on_episode_end(goal=rng.integers(0, 3, 2))
        if prioritized:
            batch = hindsight.sample(8, beta=0.5)
            hindsight.update_priorities(batch["indexes"], np.full(8, 2.0))
            assert hindsight.get_max_priority() == 2.0
        filled.append(hindsight)
    assert type(filled[1].rb).__module__.startswith("sharpwave")
    assert_same_rows(filled[0].get_all_transitions(), filled[1].get_all_transitions())


def test_their_laber_works_on_top() -> None:
    buffer = ours.ReplayBuffer(100, STEP_ENV)
    buffer.add(**steps(np.random.default_rng(0), 50))
    chosen = cpprb.LaBERmean(8, 4)(**buffer.sample(32), priorities=np.linspace(0, 1, 32))
    assert chosen["obs"].shape == (8, 3)


def test_rows_may_lie_in_files(tmp_path) -> None:
    rng = np.random.default_rng(0)
    options = SHARING["both"]
    memory = ours.ReplayBuffer(SIZE, STACK_ENV, **options)
    mapped = ours.ReplayBuffer(SIZE, STACK_ENV, mmap_prefix=str(tmp_path / "b"), **options)
    assert {path.name for path in tmp_path.iterdir()} == {"b_obs.dat", "b_rew.dat", "b_done.dat"}
    for _ in range(5):
        for row in episode(rng, 6):
            assert memory.add(**row) == mapped.add(**row)
    assert_same(memory, mapped)
    assert_same(memory, pickle.loads(pickle.dumps(mapped)))


def test_cpprb_is_not_needed() -> None:
    code = """
        import sys
        sys.modules["cpprb"] = None
        from sharpwave.compat.cpprb import PrioritizedReplayBuffer, ReplayBuffer, create_buffer
        buffer = create_buffer(10, {"a": {}}, prioritized=True)
        assert type(buffer) is PrioritizedReplayBuffer and type(create_buffer(10)) is ReplayBuffer
        buffer.add(a=1)
        buffer.sample(4)
    """
    lines = "\n".join(line.strip() for line in code.splitlines())
    subprocess.run([sys.executable, "-c", lines], check=True, timeout=60)
