"""The buffer of CleanRL's rainbow_atari.py: its n-step rows, priorities and weights.

With CLEANRL_CHECKOUT set to a checkout of CleanRL, its own class is compared too.
"""

from __future__ import annotations

import collections
import copy
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sharpwave.compat.cleanrl import PrioritizedReplayBuffer  # noqa: E402


class PlainPrioritized:
    """CleanRL's n-step rows and priorities, and its weights for given rows."""

    def __init__(self, capacity, n_step, gamma, alpha, beta, eps):
        self.capacity, self.n_step, self.gamma = capacity, n_step, gamma
        self.alpha, self.beta, self.eps = alpha, beta, eps
        self.window, self.rows, self.priorities = [], {}, np.zeros(capacity)
        self.pos, self.max_priority = 0, 1.0

    def add(self, obs, action, reward, next_obs, done):
        self.window = [*self.window, (obs, action, reward, next_obs, done)][-self.n_step :]
        if len(self.window) < self.n_step:
            return
        total = 0.0
        for i, last in enumerate(self.window):
            total += self.gamma**i * last[2]
            if last[4]:
                break
        self.rows[self.pos] = (*self.window[0][:2], total, *last[3:])
        self.priorities[self.pos] = self.max_priority**self.alpha
        self.pos = (self.pos + 1) % self.capacity
        if last[4]:
            self.window = []

    def weights(self, indices):
        probs = self.priorities[indices] / self.priorities.sum()
        weights = (len(self.rows) * probs) ** -self.beta
        return weights / weights.max()

    def update_priorities(self, indices, priorities):
        priorities = np.abs(priorities) + self.eps
        self.max_priority = max(self.max_priority, priorities.max())
        for index, priority in zip(indices, priorities, strict=True):
            self.priorities[index] = priority**self.alpha


def test_prioritized_rows_weights_and_priorities_are_those_of_plain_lists() -> None:
    rng = np.random.default_rng(0)
    ours = PrioritizedReplayBuffer(50, (2, 6), "cpu", 3, 0.9, alpha=0.5, beta=0.4, eps=1e-3)
    plain = PlainPrioritized(50, 3, 0.9, 0.5, 0.4, 1e-3)
    for number in range(400):
        obs, next_obs = rng.integers(0, 256, (2, 1, 2, 6), "uint8")
        step = obs, rng.integers(4, size=1), rng.normal(size=1), next_obs, rng.random(1) < 0.2
        ours.add(*step)
        plain.add(obs[0], step[1][0], step[2][0], next_obs[0], step[4][0])
        if not plain.rows:
            continue
        ours.beta = plain.beta = min(1.0, 0.4 + number / 300)
        batch = ours.sample(16)
        expected = map(np.stack, zip(*(plain.rows[i] for i in batch.indices), strict=True))
        for name, column in zip(("observations", "actions", "rewards"), expected, strict=False):
            assert np.allclose(getattr(batch, name).numpy().reshape(column.shape), column), name
        rows = [plain.rows[i] for i in batch.indices]
        assert (batch.next_observations.numpy() == np.stack([row[3] for row in rows])).all()
        assert batch.dones.flatten().tolist() == [row[4] for row in rows]
        assert np.allclose(batch.weights.numpy()[:, 0], plain.weights(batch.indices), rtol=1e-4)
        error = rng.normal(size=16).astype("f4")
        ours.update_priorities(batch.indices, error)
        plain.update_priorities(batch.indices, error)
        places = np.arange(50)
        assert np.allclose(ours.sum_tree[places], plain.priorities, rtol=1e-4)
    assert (ours.pos, ours.size) == (plain.pos, 50)
    shapes = {name: tuple(getattr(batch, name).shape) for name in batch._fields}
    assert shapes["observations"] == shapes["next_observations"] == (16, 2, 6)
    assert {shapes[n] for n in ("actions", "rewards", "dones", "weights")} == {(16, 1)}
    dtypes = [batch.observations, batch.actions, batch.rewards, batch.dones, batch.weights]
    expected = [torch.uint8, torch.int64, torch.float32, torch.bool, torch.float32]
    assert [tensor.dtype for tensor in dtypes] == expected


def original_class():
    """The class out of CleanRL's script, which is not made to be imported."""
    checkout = os.environ.get("CLEANRL_CHECKOUT", "")
    if not checkout:
        pytest.skip("CLEANRL_CHECKOUT names no checkout of CleanRL")
    text = (Path(checkout) / "cleanrl" / "rainbow_atari.py").read_text()
    names = {"collections": collections, "deque": collections.deque, "np": np, "torch": torch}
    exec(text[text.index("PrioritizedBatch =") : text.index("if __name__")], names)
    return names["PrioritizedReplayBuffer"]


def test_prioritized_batches_are_those_of_cleanrls_class_for_the_same_draws(monkeypatch) -> None:
    rng = np.random.default_rng(2)
    given = 60, (2, 6), "cpu", 3, 0.9, 0.5, 0.4, 1e-3
    ours, theirs = PrioritizedReplayBuffer(*given), original_class()(*given)
    for number in range(300):
        obs, next_obs = rng.integers(0, 256, (2, 1, 2, 6), "uint8")
        step = obs, int(rng.integers(4)), float(rng.normal()), next_obs, rng.random() < 0.1
        ours.add(*step)
        theirs.add(*step)
        if theirs.size < 5:
            continue
        indices = rng.integers(theirs.size, size=16)
        ours.beta = theirs.beta = min(1.0, 0.4 + number / 300)
        one_by_one = iter(indices)
        monkeypatch.setattr(ours.sum_tree, "draw", lambda count, rows=indices: rows)
        monkeypatch.setattr(theirs.sum_tree, "retrieve", lambda mass, rows=one_by_one: next(rows))
        got, expected = ours.sample(16), theirs.sample(16)
        assert (got.indices == expected.indices).all()
        for name in ("observations", "actions", "rewards", "next_observations", "dones"):
            a, b = getattr(got, name), getattr(expected, name)
            assert a.dtype == b.dtype and torch.equal(a, b), name
        assert got.weights.dtype == expected.weights.dtype
        assert torch.allclose(got.weights, expected.weights, rtol=1e-4)
        error = rng.normal(size=16).astype("f4")
        ours.update_priorities(got.indices, error)
        theirs.update_priorities(expected.indices, error)
        assert abs(ours.max_priority - theirs.max_priority) < 1e-6
    for name in ("obs", "next_obs", "actions", "rewards", "dones"):
        a, b = (getattr(buffer, f"buffer_{name}") for buffer in (ours, theirs))
        assert a.dtype == b.dtype and (a == b).all(), name
    assert abs(ours.sum_tree.total - theirs.sum_tree.total()) < 1e-3


def prioritized(count=30) -> PrioritizedReplayBuffer:
    buffer = PrioritizedReplayBuffer(20, (4,), "cpu", 1, 0.99)
    for i in range(count):
        obs = np.full(4, i, "uint8")
        buffer.add(obs, i, float(i), obs, False)
        obs[:] = 255  # as environments do that return the same array for ever
    return buffer


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_prioritized_copies_draw_the_same(duplicate) -> None:
    buffer = prioritized()
    buffer.update_priorities(np.arange(20), np.arange(20.0))
    twin = duplicate(buffer)
    np.random.seed(3)
    batch = buffer.sample(64)
    np.random.seed(3)
    same = twin.sample(64)
    assert (batch.indices == same.indices).all() and torch.equal(batch.weights, same.weights)
    assert (twin.pos, twin.size, twin.max_priority) == (10, 20, 19.0 + 1e-6)


def test_prioritized_rows_hold_where_an_environment_writes_into_the_same_arrays_again() -> None:
    buffer = PrioritizedReplayBuffer(20, (4,), "cpu", 3, 0.5)
    obs, next_obs = np.zeros((2, 1, 4), "uint8")
    action, reward, done = np.zeros(1, "int64"), np.zeros(1), np.zeros(1, bool)
    for i in range(12):
        obs[:], next_obs[:], action[:], reward[:], done[:] = i, i + 1, i, i, i % 6 == 5
        buffer.add(obs, action, reward, next_obs, done)
    assert buffer.buffer_obs[:8, 0].tolist() == [0, 1, 2, 3, 6, 7, 8, 9]
    assert buffer.buffer_next_obs[:8, 0].tolist() == [3, 4, 5, 6, 9, 10, 11, 12]
    assert buffer.buffer_actions[:8].tolist() == [0, 1, 2, 3, 6, 7, 8, 9]
    assert buffer.buffer_rewards[:2].tolist() == [0 + 0.5 + 0.5, 1 + 1.0 + 0.75]
    assert buffer.buffer_dones[:8].tolist() == [False, False, False, True] * 2


def test_prioritized_draws_in_proportion_and_its_arrays_are_live() -> None:
    buffer = prioritized()
    buffer.alpha = 1.0
    buffer.update_priorities(np.arange(20), np.repeat([1.0, 3.0], 10))
    counts = np.bincount(buffer.sample(4000).indices, minlength=20)
    assert abs(counts[:10].sum() - 1000) <= 2  # stratified
    buffer.buffer_actions[:] = 8
    assert (buffer.sample(5).actions == 8).all()
    assert (prioritized().buffer_obs[10] == 10).all()


def test_prioritized_ends_a_window_that_is_cleared_and_refuses_what_is_not_finite() -> None:
    buffer = PrioritizedReplayBuffer(20, (4,), "cpu", 3, 1.0)
    obs = np.zeros(4, "uint8")
    with pytest.raises(ValueError, match="draw: expected"):
        buffer.sample(4)
    for _ in range(2):
        for _ in range(3):
            buffer.add(obs, 0, 1.0, obs, False)
        buffer.n_step_buffer.clear()
    assert buffer.size == 2 and buffer.buffer_rewards[:2].tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="td_error: expected finite"):
        buffer.update_priorities([0], [np.nan])
    with pytest.raises(TypeError, match="num_envs"):
        PrioritizedReplayBuffer(20, (4,), "cpu", 3, 1.0, num_envs=2)
