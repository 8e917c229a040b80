"""What `sample` hands out: names, shapes, and memory that nobody else writes to."""

from __future__ import annotations

import gc
import os
import resource
import sys
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
from helpers import NUMBER, SCALAR, fill, numbered, numbered_buffer

import sharpwave as sw

FIELDS = ["obs", "action", "reward", "next_obs", "terminated", "truncated", "discount", "index"]
DTYPES = ["float32", "int64", "float32", "float32", "bool", "bool", "float32", "int64"]

unless_sanitized = pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what is freed"
)


@pytest.fixture
def buffer() -> sw.ReplayBuffer:
    buffer = numbered_buffer(100, seed=0)
    buffer.extend(**numbered(np.arange(100)))
    return buffer


def dict_buffer() -> sw.ReplayBuffer:
    space = {"camera": sw.Field((4, 3), "uint8"), "arm": {"angle": sw.Field((2,), "float64")}}
    buffer = sw.ReplayBuffer(
        8, observation_space=space, action_space=NUMBER, extra_fields={"log_prob": SCALAR}
    )
    obs = {"arm": {"angle": [0.1, 0.2]}, "camera": np.full((4, 3), 9)}
    buffer.add(obs, 1, 2.0, obs, False, False, log_prob=-0.5)
    return buffer


def test_the_fields_come_by_name_and_by_attribute(buffer) -> None:
    batch = buffer.sample(5)
    assert list(batch.keys()) == FIELDS
    for name, dtype in zip(FIELDS, DTYPES, strict=True):
        assert batch[name] is getattr(batch, name)
        assert (batch[name].shape, batch[name].dtype) == ((5,), dtype)
    assert len(batch) == 5


def test_dict_observations_and_extra_fields() -> None:
    batch = dict_buffer().sample(3)
    assert sorted(batch.keys()) == sorted([*FIELDS, "log_prob"])
    assert batch.obs["camera"].shape == (3, 4, 3)
    assert batch.obs["camera"].dtype == np.uint8
    assert batch.next_obs["arm"]["angle"].tolist() == [[0.1, 0.2]] * 3
    assert batch.log_prob.tolist() == [-0.5] * 3
    assert len(batch) == 3


def test_a_field_that_is_not_there(buffer) -> None:
    batch = buffer.sample(2)
    with pytest.raises(AttributeError, match="weight"):
        _ = batch.weight
    with pytest.raises(KeyError, match="weight"):
        _ = batch["weight"]
    assert not hasattr(batch, "no_such_field")


def test_arrays_are_writable_contiguous_and_apart(buffer) -> None:
    batch = buffer.sample(33)
    for name in FIELDS:
        assert batch[name].flags.writeable
        assert batch[name].flags.c_contiguous
        batch[name].fill(1)
    assert all((batch[name] == 1).all() for name in FIELDS)


def test_no_batch_changes_while_it_is_held(buffer) -> None:
    held = []
    for t in range(200):
        batch = buffer.sample(1 + t % 64)
        held.append((batch, {name: batch[name].copy() for name in FIELDS}))
        fill(buffer, [100 + t])
        if t % 3 == 0:
            buffer.sample(64)  # let go at once: its memory is lent again
    buffer.clear()
    fill(buffer, range(1000, 1100))
    for batch, copies in held:
        for name in FIELDS:
            np.testing.assert_array_equal(batch[name], copies[name])


def test_an_array_that_is_kept_stays_although_the_batch_has_another_in_its_place(buffer) -> None:
    kept = []
    for _ in range(50):
        batch = buffer.sample(32)
        raw = batch.reward
        batch.reward = raw / 1000
        kept.append((raw, raw.copy()))
        del batch, raw
    assert all(np.array_equal(raw, copy) for raw, copy in kept)
    assert all(_is_whole(buffer.sample(32)) for _ in range(20))


@pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array")  # numpy 2.5 frowns on it
@pytest.mark.parametrize(
    "change",
    [
        lambda batch: setattr(batch, "reward", batch.reward / 1000),
        lambda batch: batch.__dict__.update(obs=batch.next_obs, next_obs=batch.obs),
        lambda batch: batch.__dict__.update(extra=batch.__dict__.pop("reward")),
        lambda batch: batch.__dict__.clear(),
        lambda batch: delattr(batch, "index"),
        lambda batch: setattr(batch, "weight", 1.0),
        lambda batch: setattr(batch.obs, "shape", (4, 8)),
        lambda batch: batch.obs.setflags(write=False),
        lambda batch: batch.obs.fill(-1),
    ],
)
def test_what_is_done_to_a_batch_does_not_reach_a_later_one(buffer, change) -> None:
    for _ in range(10):
        batch = buffer.sample(32)
        change(batch)
        kept = list(batch.__dict__.values())[:3]
        del batch, kept
        assert _is_whole(buffer.sample(32))


def test_what_is_done_to_nested_observations_does_not_reach_a_later_batch() -> None:
    buffer = dict_buffer()
    for _ in range(10):
        batch = buffer.sample(3)
        batch.obs["camera"], batch.next_obs["camera"] = batch.obs["camera"] + 1, None
        batch.obs["arm"]["angle"] = batch.next_obs["arm"].pop("angle")
        del batch
        batch = buffer.sample(3)
        assert batch.obs["camera"].tolist() == batch.next_obs["camera"].tolist()
        assert batch.obs["arm"]["angle"].tolist() == batch.next_obs["arm"]["angle"].tolist()
        assert batch.obs["camera"].max() == 9
        del batch


def _is_whole(batch: sw.Batch) -> bool:
    t = batch.index
    expected = {"obs": t, "action": 10 * t, "reward": t / 2, "next_obs": t + 1}
    same = [np.array_equal(batch[name], column) for name, column in expected.items()]
    return all(same) and list(batch.keys()) == FIELDS and batch.obs.flags.writeable


def test_a_weak_reference_never_finds_another_batch(buffer) -> None:
    batch = buffer.sample(32)
    index = batch.index.tolist()
    try:
        seen = weakref.ref(batch)
    except TypeError:  # a Batch that cannot be referred to weakly is fine, too
        return
    del batch
    again = buffer.sample(32)
    assert seen() is None or seen().index.tolist() == index
    del again


def survivors(batch: sw.Batch) -> list[object]:
    """What a user may keep of a batch after the batch itself is gone."""
    return [
        batch.obs,
        batch.reward[3:40:2],
        batch.index.reshape(8, 8).T,
        memoryview(batch.action),
        np.from_dlpack(batch.next_obs),
    ]


def test_arrays_views_and_capsules_outlive_batch_and_buffer() -> None:
    buffer = numbered_buffer(1000, seed=0)
    buffer.extend(**numbered(np.arange(1000)))
    kept = [survivors(buffer.sample(64)) for _ in range(20)]
    copies = [[np.array(item) for item in items] for items in kept]
    for _ in range(100):
        buffer.sample(64)
    del buffer
    gc.collect()
    others = [numbered_buffer(1000) for _ in range(10)]
    for other in others:
        other.extend(**numbered(np.arange(5000, 6000)))
        other.sample(64)
    for items, before in zip(kept, copies, strict=True):
        for item, copy in zip(items, before, strict=True):
            np.testing.assert_array_equal(np.asarray(item), copy)


def test_torch_shares_the_memory_and_outlives_the_batch(buffer) -> None:
    torch = pytest.importorskip("torch")
    batch = buffer.sample(64)
    tensors = batch.torch()
    assert isinstance(tensors, sw.Batch)
    assert len(tensors) == 64
    for name in FIELDS:
        assert isinstance(tensors[name], torch.Tensor)
        assert tensors[name].data_ptr() == batch[name].ctypes.data
        np.testing.assert_array_equal(tensors[name].numpy(), batch[name])
    expected = {name: batch[name].copy() for name in FIELDS}
    capsule = torch.from_dlpack(batch.obs)
    del batch
    gc.collect()
    for _ in range(100):
        buffer.sample(64)
    for name in FIELDS:
        np.testing.assert_array_equal(tensors[name].numpy(), expected[name])
    np.testing.assert_array_equal(capsule.numpy(), expected["obs"])


def test_torch_of_a_dict_is_a_dict_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    tensors = dict_buffer().sample(3).torch("cpu")
    assert tensors.obs["camera"].dtype == torch.uint8
    assert tensors.next_obs["arm"]["angle"].tolist() == [[0.1, 0.2]] * 3
    assert tensors["log_prob"].tolist() == [-0.5] * 3


def resident_bytes() -> int:
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@unless_sanitized
@pytest.mark.usefixtures("collected")
def test_a_hundred_thousand_samples_leave_nothing_behind(buffer) -> None:
    def work(times: int) -> None:
        for t in range(times):
            batch = buffer.sample(1 + t % 50)
            _ = batch.obs[:1], batch["reward"]
            if t % 10 == 0:
                fill(buffer, [t])
            if t % 100 == 0:
                with pytest.raises(ValueError, match="obs"):
                    buffer.add(**(numbered(1) | {"obs": np.zeros(3)}))

    work(5_000)
    before = resident_bytes()
    tracemalloc.start()
    work(5_000)
    start, _ = tracemalloc.get_traced_memory()
    work(5_000)
    end, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Two bytes a sample: without a GIL some memory is given back late.
    assert end - start < 10_000
    work(85_000)
    assert resident_bytes() - before < 4 << 20


@unless_sanitized
@pytest.mark.usefixtures("collected")
def test_memory_of_many_sizes_is_given_back() -> None:
    field = sw.Field((1000,), "uint8")
    buffer = sw.ReplayBuffer(10, observation_space=field, action_space=NUMBER)
    buffer.add(np.zeros(1000), 0, 0.0, np.zeros(1000), False, False)
    before = resident_bytes()
    for size in range(1000, 1100):  # 2 MB each
        buffer.sample(size)
    held = [buffer.sample(size) for size in range(1000, 1100)]
    assert resident_bytes() - before > 150 << 20
    held.clear()
    gc.collect()
    assert resident_bytes() - before < 80 << 20


@pytest.mark.usefixtures("collected")
def test_adding_keeps_no_reference_to_what_came_in(buffer) -> None:
    step = numbered([5])
    counts = {name: sys.getrefcount(array) for name, array in step.items()}
    for _ in range(100):
        buffer.add(**step)
        buffer.extend(**step)
        with pytest.raises(ValueError, match="reward"):
            buffer.add(**(step | {"reward": np.zeros((1, 2))}))
    gc.collect()
    assert counts == {name: sys.getrefcount(array) for name, array in step.items()}
