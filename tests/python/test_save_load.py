"""A buffer that was saved goes on as if it had not been."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import sharpwave as sw

GOAL = sw.Field((2,), "float32")


def reached(achieved, desired, info):
    return -(np.abs(achieved - desired).sum(axis=-1) > 0.5).astype(np.float32)


# Settings of buffers that between them have everything.
SETUPS = {
    "plain": {},
    "envs": {"num_envs": 3, "n_step": 3, "autoreset": "next_step"},
    "prioritized": {"num_envs": 2, "sampler": sw.Prioritized(beta=0.7, normalize="buffer")},
    "ranked": {"num_envs": 2, "sampler": sw.RankPrioritized(normalize="buffer")},
    "epochs": {"num_envs": 2, "sampler": sw.WithoutReplacement()},
    "recent": {"sampler": sw.Recency(eta=0.99, min_rows=2, updates=7)},
    "reservoir": {"num_envs": 2, "insertion": sw.Reservoir(), "sampler": sw.Prioritized()},
    "stack": {"frame_stack": 3, "observation_space": sw.Field((3, 5, 4), "uint8"), "n_step": 2},
    "halves": {
        "observation_space": (sw.Field((3,), store_as="float16"), sw.Field((9,), "bool", store_as="bits")),
        "extra_fields": {"zeta": sw.Field((), "int16"), "alpha": sw.Field((100,), "float64")},
    },
    "goals": {
        "observation_space": {
            "observation": sw.Field((200,), "uint8"),
            "achieved_goal": GOAL,
            "desired_goal": GOAL,
        },
        "hindsight": sw.Hindsight("future", k=2, reward=reached),
    },
}  # fmt: skip


def made(name: str, capacity: int = 24) -> sw.ReplayBuffer:
    options = {"observation_space": sw.Field((3,), "float32"), "seed": 5} | SETUPS[name]
    return sw.ReplayBuffer(capacity, action_space=sw.Field((), "int64"), **options)


def random_value(rng, field: sw.Field, lead: tuple[int, ...]) -> np.ndarray:
    if field.dtype.kind in "bu":
        top = 2 if field.dtype.kind == "b" else 256
        return rng.integers(0, top, (*lead, *field.shape)).astype(field.dtype)
    return (rng.integers(-50, 50, (*lead, *field.shape)) / 8).astype(field.dtype)


def random_obs(rng, tree, lead):
    if isinstance(tree, dict):
        return {key: random_obs(rng, child, lead) for key, child in tree.items()}
    if isinstance(tree, tuple):
        return tuple(random_obs(rng, child, lead) for child in tree)
    return random_value(rng, tree, lead)


def feed(buffer: sw.ReplayBuffer, steps: int, seed: int) -> None:
    """Add steps of a stream in which observations sometimes go on and sometimes do not."""
    rng = np.random.default_rng(seed)
    lead = (buffer.num_envs,)
    tree, _, extras = buffer.fields
    obs = random_obs(rng, tree, lead)
    for _ in range(steps):
        next_obs = random_obs(rng, tree, lead)
        buffer.add(
            obs,
            rng.integers(0, 9, lead),
            rng.normal(size=lead),
            next_obs,
            rng.random(lead) < 0.1,
            rng.random(lead) < 0.1,
            **{name: random_value(rng, field, lead) for name, field in extras.items()},
        )
        if rng.random() < 0.1:
            buffer.end_episode([0])
        obs = next_obs if rng.random() < 0.8 else random_obs(rng, tree, lead)


def leaves(value) -> list[np.ndarray]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in leaves(child)]
    if isinstance(value, tuple):
        return [leaf for child in value for leaf in leaves(child)]
    return [value]


def same(a: sw.Batch, b: sw.Batch) -> bool:
    assert a.keys() == b.keys()
    pairs = zip(leaves(dict(a.__dict__)), leaves(dict(b.__dict__)), strict=True)
    return all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in pairs)


def check_they_go_on_alike(a: sw.ReplayBuffer, b: sw.ReplayBuffer, batches: int) -> None:
    assert len(a) == len(b)
    assert (a.n_step, a.gamma, a.capacity) == (b.n_step, b.gamma, b.capacity)
    for i in range(batches):
        if len(a) == 0 or i % 4 == 3:
            feed(a, 1, i)
            feed(b, 1, i)
        one, two = a.sample(7), b.sample(7)
        assert same(one, two), f"batch {i}"
        if "weight" in one and i % 3 == 0:
            error = np.random.default_rng(i).normal(size=7)
            a.update_priorities(one.index, error)
            b.update_priorities(two.index, error)
        if i % 50 == 49:
            assert same(a.sample_sequences(3, 4, 0), b.sample_sequences(3, 4, 0))


@pytest.mark.parametrize("steps", [0, 1, 5, 12, 24, 61])
@pytest.mark.parametrize("name", SETUPS)
def test_a_loaded_buffer_samples_and_evicts_as_the_saved_one_does(name, steps, tmp_path) -> None:
    buffer = made(name)
    feed(buffer, steps, seed=1)
    if len(buffer):
        buffer.sample(5)
    buffer.gamma = 0.5
    buffer.save(tmp_path / "saved")
    loaded = sw.ReplayBuffer.load(tmp_path / "saved", hindsight=buffer.hindsight)
    assert repr(loaded) == repr(buffer)
    check_they_go_on_alike(buffer, loaded, batches=1000 if steps in (1, 61) else 60)


@pytest.mark.parametrize("name", SETUPS)
def test_what_was_cleared_before_is_saved_too(name, tmp_path) -> None:
    buffer = made(name)
    feed(buffer, 30, seed=1)
    buffer.clear()
    feed(buffer, 3, seed=2)
    buffer.save(tmp_path)
    loaded = sw.ReplayBuffer.load(tmp_path, hindsight=buffer.hindsight)
    check_they_go_on_alike(buffer, loaded, batches=60)


@pytest.mark.parametrize("name", SETUPS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_copy_goes_on_alike_and_apart(name, copied) -> None:
    buffer = made(name)
    feed(buffer, 30, seed=1)
    buffer.label = "mine"
    twin = copied(buffer)
    assert twin.label == "mine"
    check_they_go_on_alike(buffer, twin, batches=60)
    before = len(twin)
    buffer.clear()
    assert len(twin) == before


def test_a_subclass_loads_as_the_class_it_is_called_on(tmp_path) -> None:
    class Mine(sw.ReplayBuffer):
        def __init__(self) -> None:
            super().__init__(9, observation_space=sw.Field(), action_space=sw.Field())

    Mine().save(tmp_path)
    assert type(Mine.load(tmp_path)) is Mine


def test_the_sampler_comes_back_as_it_was_set(tmp_path) -> None:
    buffer = made("prioritized")
    buffer.sampler.beta = 0.25
    buffer.save(tmp_path)
    assert sw.ReplayBuffer.load(tmp_path).sampler == sw.Prioritized(beta=0.25, normalize="buffer")


def test_a_reward_function_has_to_be_given_again(tmp_path) -> None:
    buffer = made("goals")
    buffer.save(tmp_path)
    with pytest.raises(ValueError, match="was made with one"):
        sw.ReplayBuffer.load(tmp_path)
    made("plain").save(tmp_path)
    with pytest.raises(ValueError, match="was made without one"):
        sw.ReplayBuffer.load(tmp_path, hindsight=buffer.hindsight)


def test_a_save_takes_the_place_of_the_one_before(tmp_path) -> None:
    buffer = made("plain")
    for steps in (3, 4):
        feed(buffer, steps, seed=steps)
        buffer.save(tmp_path)
        assert len(sw.ReplayBuffer.load(tmp_path)) == len(buffer)
    assert len(list(tmp_path.iterdir())) == 2  # the manifest and the segments of one save


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(FileExistsError, match=r"thesis\.tex"):
        made("plain").save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_is_no_saved_buffer_is_named(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(sw.CheckpointError, match=r"expected a folder with a manifest\.json"):
            sw.ReplayBuffer.load(path)


def test_a_save_that_fails_leaves_the_one_before(tmp_path, monkeypatch) -> None:
    buffer = made("plain")
    feed(buffer, 3, seed=0)
    buffer.save(tmp_path)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    feed(buffer, 3, seed=1)
    with pytest.raises(OSError, match="no space left"):
        buffer.save(tmp_path)
    assert len(sw.ReplayBuffer.load(tmp_path)) == 3
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1


@pytest.mark.parametrize("name", ["stack", "reservoir", "epochs", "halves"])
def test_every_flipped_bit_and_every_missing_end_is_noticed(name, tmp_path) -> None:
    buffer = made(name)
    feed(buffer, 40, seed=1)
    buffer.save(tmp_path / "good")
    rng = np.random.default_rng(0)
    files = [p for p in (tmp_path / "good").rglob("*") if p.is_file() and p.stat().st_size]
    bad = tmp_path / "bad"
    for number in range(300):
        shutil.copytree(tmp_path / "good", bad)
        victim = bad / files[number % len(files)].relative_to(tmp_path / "good")
        content = bytearray(victim.read_bytes())
        if number % 5 == 4:
            del content[int(rng.integers(0, len(content))) :]
        else:
            content[int(rng.integers(0, len(content)))] ^= 1 << int(rng.integers(0, 8))
        victim.write_bytes(content)
        with pytest.raises(sw.CheckpointError):
            sw.ReplayBuffer.load(bad)
        shutil.rmtree(bad)


def test_a_missing_segment_is_named(tmp_path) -> None:
    made("plain").save(tmp_path)
    next(tmp_path.rglob("rings.bin")).unlink()
    with pytest.raises(sw.CheckpointError, match="rings"):
        sw.ReplayBuffer.load(tmp_path)


def rewrite(path: Path, changes) -> None:
    """Write a manifest anew, with checksums that hold: what a bug or an enemy would make."""
    from sharpwave import checkpoint

    manifest = checkpoint._parsed(path, (path / checkpoint.MANIFEST).read_bytes())
    changes(manifest)
    text = checkpoint._manifest(manifest["settings"], manifest["segments"], manifest["folder"])
    (path / checkpoint.MANIFEST).write_bytes(text)


@pytest.mark.parametrize(
    ("name", "segment"),
    [("plain", "rings"), ("plain", "metas"), ("plain", "begins"), ("stack", "side.0"),
     ("stack", "field.0"), ("reservoir", "times"), ("epochs", "order"), ("epochs", "pending"),
     ("prioritized", "priorities"), ("ranked", "errors"), ("ranked", "largest_error"), ("recent", "recency"), ("plain", "window")],
)  # fmt: skip
def test_values_that_no_buffer_has_are_refused_although_their_checksum_holds(
    name, segment, tmp_path
) -> None:
    from sharpwave import _core

    buffer = made(name)
    feed(buffer, 40, seed=1)
    buffer.save(tmp_path)
    file = next(tmp_path.rglob(f"{segment}.bin"))
    size = file.stat().st_size
    file.write_bytes(b"\xfd" * size)

    def mend(manifest) -> None:
        for entry in manifest["segments"]:
            if entry[0] == segment:
                entry[2] = _core.crc32c(b"\xfd" * size)

    rewrite(tmp_path, mend)
    with pytest.raises(sw.CheckpointError):
        sw.ReplayBuffer.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"capacity": "many"}, {"sampler": {"kind": "psychic"}}, {"obs": {}}, {"num_envs": 0},
     {"frame_stack": -1}, {"autoreset": 3}],
)  # fmt: skip
def test_settings_that_no_buffer_has_are_refused(change, tmp_path) -> None:
    made("plain").save(tmp_path)
    rewrite(tmp_path, lambda manifest: manifest["settings"].update(change))
    with pytest.raises(sw.CheckpointError):
        sw.ReplayBuffer.load(tmp_path)


def test_another_capacity_than_the_rows_were_saved_with_is_refused(tmp_path) -> None:
    buffer = made("plain")
    feed(buffer, 40, seed=1)
    buffer.save(tmp_path)
    for capacity in (12, 25):
        rewrite(tmp_path, lambda m, c=capacity: m["settings"].update(capacity=c))
        with pytest.raises(sw.CheckpointError):
            sw.ReplayBuffer.load(tmp_path)


SAVER = """
    import sys, numpy as np, sharpwave as sw
    buffer = sw.ReplayBuffer(
        4000, observation_space=sw.Field((50,)), action_space=sw.Field(), seed=0
    )
    t = np.arange(2000.0)
    rows = np.repeat(t[:, None], 50, axis=1)
    while True:
        buffer.extend(rows, t, t, rows + 1, t < 0, t < 0)
        print("saving", flush=True)
        buffer.save(sys.argv[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")
def test_a_kill_during_a_save_loses_nothing(tmp_path) -> None:
    buffer = sw.ReplayBuffer(10, observation_space=sw.Field(), action_space=sw.Field(), seed=0)
    buffer.save(tmp_path / "saved")
    rng = np.random.default_rng(0)
    kills = int(os.environ.get("SHARPWAVE_TEST_KILLS", "8"))
    for _ in range(kills):
        saver = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SAVER), str(tmp_path / "saved")],
            stdout=subprocess.PIPE,
        )
        assert saver.stdout is not None
        saver.stdout.readline()
        time.sleep(float(rng.uniform(0, 0.03)))
        saver.send_signal(signal.SIGKILL)
        saver.wait()
        saver.stdout.close()
        loaded = sw.ReplayBuffer.load(tmp_path / "saved")
        assert len(loaded) in (0, 2000, 4000)
        if len(loaded):
            batch = loaded.sample(100)
            assert (batch.obs[:, 0] == batch.action).all()
