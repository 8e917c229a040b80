"""Batches in one block on their way to a device. What needs a device is skipped without one."""

from __future__ import annotations

import numpy as np
import pytest
from model import same_bits

import sharpwave as sw
from sharpwave.pinned import pack, unpack

torch = pytest.importorskip("torch")

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SPACE = {
    "byte": sw.Field((3,), "uint8"),
    "flag": sw.Field((), "bool"),
    "pair": (sw.Field((2, 1), "float64"), sw.Field((), "float16")),
}


def nested_buffer(rows: int = 20) -> sw.ReplayBuffer:
    buffer = sw.ReplayBuffer(
        rows, observation_space=SPACE, action_space=sw.Field((5,), "int16"), seed=0
    )
    rng = np.random.default_rng(1)
    for _ in range(rows):
        obs = {
            "byte": rng.integers(256, size=3, dtype="uint8"),
            "flag": rng.random() < 0.5,
            "pair": (rng.random((2, 1)), np.float16(rng.random())),
        }
        buffer.add(obs, rng.integers(9, size=5).astype("int16"), rng.random(), obs, False, False)
    return buffer


def leaves(batch: sw.Batch) -> list[np.ndarray]:
    pair = [column for nest in (batch.obs, batch.next_obs) for column in nest["pair"]]
    flat = [nest[name] for nest in (batch.obs, batch.next_obs) for name in ("byte", "flag")]
    rest = [batch.action, batch.reward, batch.terminated, batch.truncated, batch.discount]
    everything = (*pair, *flat, *rest, batch.index)
    return [
        (leaf.numpy() if isinstance(leaf, torch.Tensor) else leaf).copy() for leaf in everything
    ]


def all_same(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return all(same_bits(a, b) for a, b in zip(left, right, strict=True))


def test_a_packed_batch_is_the_batch_bit_for_bit() -> None:
    batch = nested_buffer().sample(7)
    columns = dict(batch.torch())
    block = torch.full((4096,), 255, dtype=torch.uint8)
    pack(columns, block)
    copy = unpack(columns, block)
    assert list(copy) == list(columns)
    assert all_same(leaves(sw.Batch(copy)), leaves(batch))
    shapes = [(tensor.shape, tensor.dtype) for tensor in copy["obs"]["pair"]]
    assert shapes == [((7, 2, 1), torch.float64), ((7,), torch.float16)]


def test_a_packed_batch_is_its_own_memory() -> None:
    buffer = nested_buffer()
    batch = buffer.sample(7)
    columns = dict(batch.torch())
    block = torch.zeros(4096, dtype=torch.uint8)
    pack(columns, block)
    before = leaves(batch)
    buffer.sample(out=batch)
    assert not all_same(leaves(batch), before)
    assert all_same(leaves(sw.Batch(unpack(columns, block))), before)


def test_without_cuda_a_cuda_device_is_torchs_error() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises((RuntimeError, AssertionError)):
        nested_buffer().sample(3).torch("cuda")


def test_other_devices_are_reached_without_pinned_memory() -> None:
    batch = nested_buffer().sample(3)
    assert batch.torch("meta").obs["byte"].device.type == "meta"
    assert all_same(leaves(batch.torch(torch.device("cpu"))), leaves(batch))


@needs_cuda
def test_what_is_on_its_way_to_the_device_is_not_overwritten() -> None:
    buffer = nested_buffer(2000)
    batch = buffer.sample(512)
    torch.cuda._sleep(50_000_000)  # the transfers queue up behind this
    sent, expected = [], []
    for _ in range(20):
        buffer.sample(out=batch)
        expected.append(leaves(batch))
        sent.append(batch.torch("cuda"))
    for got, wanted in zip(sent, expected, strict=True):
        on_host = sw.Batch({name: _to_host(got[name]) for name in got.keys()})  # noqa: SIM118
        assert all_same(leaves(on_host), wanted)


def _to_host(nest):
    if isinstance(nest, dict):
        return {name: _to_host(child) for name, child in nest.items()}
    return tuple(map(_to_host, nest)) if isinstance(nest, tuple) else nest.cpu()
