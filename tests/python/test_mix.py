"""Mix: every batch has its shares, and every row is one of the buffer it is said to come from."""

from __future__ import annotations

import numpy as np
import pytest

import sharpwave as sw


def made(first: int, rows: int = 50, **options) -> sw.ReplayBuffer:
    """A buffer whose actions say which transition they are: from ``first`` on."""
    options = {"observation_space": {"a": sw.Field((2,)), "b": (sw.Field(),)}, "seed": 3} | options
    buffer = sw.ReplayBuffer(100, action_space=sw.Field((), "int64"), **options)
    t = np.arange(rows)
    obs = {"a": np.stack([t, t], 1), "b": (t,)}
    following = {"a": np.stack([t + 1, t + 1], 1), "b": (t + 1,)}
    buffer.extend(obs, first + t, t, following, t % 10 == 9, np.zeros(rows, bool))
    return buffer


def test_a_batch_has_the_shares_in_their_order() -> None:
    online, offline = made(0), made(1000)
    batch = sw.Mix({online: 1, offline: 3}).sample(16)
    assert (batch.action[:4] < 1000).all()
    assert (batch.action[4:] >= 1000).all()
    assert batch.obs["a"].shape == (16, 2)
    assert (batch.obs["a"][:, 0] == batch.action % 1000).all()
    assert (batch.next_obs["b"][0] == batch.action % 1000 + 1).all()
    assert len(batch) == 16


@pytest.mark.parametrize("shares", [(1, 1, 1), (0.7, 0.2, 0.1), (5, 1, 90)])
@pytest.mark.parametrize("size", [1, 2, 7, 32])
def test_what_is_rounded_is_carried_so_that_the_proportions_are_exact(shares, size) -> None:
    buffers = [made(0), made(1000), made(2000)]
    mix = sw.Mix(dict(zip(buffers, shares, strict=True)))
    counts = np.zeros(3)
    for batches in range(1, 301):
        drawn = np.bincount(mix.sample(size).action // 1000, minlength=3)
        assert drawn.sum() == size
        counts += drawn
        owed = np.array(shares) / sum(shares) * size * batches
        assert (abs(counts - owed) < 1.0 + 1e-6).all()


def test_indices_name_the_transitions_of_their_buffers() -> None:
    plain = made(0)
    ranked = made(1000, sampler=sw.Prioritized(alpha=1.0, eps=0.0))
    mix = sw.Mix({plain: 0.5, ranked: 0.5})
    batch = mix.sample(8)
    assert (batch.index % 2 == [0, 0, 0, 0, 1, 1, 1, 1]).all()
    assert (batch.index // 2 == batch.action % 1000).all()
    assert (batch.weight == 1).all()

    everything = np.arange(50) * 2 + 1
    mix.update_priorities(everything, (np.arange(50) == 7) * 2.0)
    batch = mix.sample(100)
    assert (batch.action[50:] == 1007).all()
    assert len(set(batch.action[:50].tolist())) > 10


def test_weights_are_each_buffers_own() -> None:
    ranked = made(0, sampler=sw.Prioritized(alpha=1.0, beta=1.0, eps=0.0))
    mix = sw.Mix({made(1000): 0.5, ranked: 0.5})
    mix.update_priorities(np.arange(50) * 2 + 1, np.where(np.arange(50) < 25, 1.0, 4.0))
    batch = mix.sample(64)
    assert (batch.weight[:32] == 1).all()
    expected = np.where(batch.action[32:] < 25, 1.0, 0.25)
    np.testing.assert_allclose(batch.weight[32:], expected, rtol=1e-6)


def test_sequences_are_mixed_and_updated_too() -> None:
    ranked = made(1000, sampler=sw.Prioritized())
    mix = sw.Mix({made(0): 0.5, ranked: 0.5})
    batch = mix.sample_sequences(6, 4, burn_in=1)
    assert batch.mask.shape == (6, 5)
    assert (batch.index[~batch.mask] == -1).all()
    steps = batch.index // 2 == batch.action % 1000
    assert steps[batch.mask].all()
    mix.update_priorities(batch.index, np.ones((6, 4)))
    with pytest.raises(ValueError, match="finite"):
        mix.update_priorities(batch.index, np.full((6, 4), np.nan))


def test_batches_are_tensors_too() -> None:
    torch = pytest.importorskip("torch")
    batch = sw.Mix({made(0): 1, made(1000): 1}).sample(4).torch()
    assert isinstance(batch.obs["b"][0], torch.Tensor)


def test_what_cannot_be_mixed_is_refused() -> None:
    one = made(0)
    for shares in ({}, {one: 0}, {one: -1}, {one: float("nan")}, {"one": 1}):
        with pytest.raises(ValueError, match="shares: expected"):
            sw.Mix(shares)
    other = made(
        0, extra_fields={}, observation_space={"a": sw.Field((2,)), "b": (sw.Field((), "float64"),)}
    )
    with pytest.raises(ValueError, match="the same observations"):
        sw.Mix({one: 1, other: 1})
    with pytest.raises(ValueError, match="batch_size"):
        sw.Mix({one: 1}).sample(0)


def test_an_empty_buffer_is_an_error_that_owes_nothing() -> None:
    mix = sw.Mix({made(0): 1, made(0, rows=0): 2})
    with pytest.raises(ValueError, match="empty"):
        mix.sample(5)
    assert mix._carried.tolist() == [0, 0]
