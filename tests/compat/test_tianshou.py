"""Tianshou's buffers beside ours: the same steps, the same rows, the same indices, the same weights."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tianshou")

from tianshou import data as theirs  # noqa: E402
from tianshou.data import Batch  # noqa: E402

from sharpwave.compat import tianshou as ours  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),  # Tianshou's dependencies
    pytest.mark.filterwarnings("ignore:Creating a tensor from a list"),
]

OBS = {
    "box": lambda rng: rng.normal(size=3).astype(np.float32),
    "float64": lambda rng: rng.normal(size=(2, 2)),
    "image": lambda rng: rng.integers(0, 256, (4, 6, 6), np.uint8),
    "discrete": lambda rng: rng.integers(9),
    "dict": lambda rng: {
        "goal": rng.normal(size=2),
        "inner": {"x": rng.integers(5, size=3), "y": rng.random() < 0.5},
    },
    "tensor": lambda rng: torch.from_numpy(rng.normal(size=3)),
    "object": lambda rng: np.array([{"a": 1}, None, "text"], object)[rng.integers(3)],
}
OPTIONS = [{}, {"ignore_obs_next": True}, {"stack_num": 3}, {"stack_num": 2, "sample_avail": True}]
IMAGES = [{"save_only_last_obs": True, "stack_num": 4, "ignore_obs_next": True}]
PRIORITIES = {"alpha": 0.6, "beta": 0.4}


def step(rng, make_obs):
    return Batch(
        obs=make_obs(rng), act=rng.normal(size=2), rew=float(rng.normal()),
        terminated=bool(rng.random() < 0.1), truncated=bool(rng.random() < 0.1),
        obs_next=make_obs(rng), info={"id": int(rng.integers(100)), "more": {"x": rng.normal()}},
        policy=Batch(state=rng.normal(size=2)),
    )  # fmt: skip


def assert_same(got, expected, name="") -> None:
    """The same tree of the same types, shapes and numbers."""
    if isinstance(expected, Batch):
        assert isinstance(got, Batch), name
        assert set(got.get_keys()) == set(expected.get_keys()), name
        for key in expected.get_keys():
            assert_same(got[key], expected[key], f"{name}.{key}")
        return
    assert type(got) is type(expected), name
    if isinstance(expected, (np.ndarray, torch.Tensor)):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), name
        assert bool((got == expected).all()), name
    else:
        assert got == expected, name


def compare(mine, other, rng) -> None:
    assert len(mine) == len(other)
    for one, two in zip((mine, other), (other, mine), strict=True):
        assert (one.last_index == two.last_index).all()
    stored = other.sample_indices(0)
    assert (np.sort(mine.sample_indices(0)) == np.sort(stored)).all()
    if len(stored) == 0:
        return
    rows = rng.choice(stored, 40)
    assert_same(mine[rows], other[rows])
    assert_same(mine[int(rows[0])], other[int(rows[0])])
    assert_same(mine[rows.tolist()], other[rows.tolist()])
    for name in ("next", "prev", "unfinished_index"):
        arguments = () if name == "unfinished_index" else (rows,)
        assert (getattr(mine, name)(*arguments) == getattr(other, name)(*arguments)).all()


@pytest.mark.parametrize("options", OPTIONS + IMAGES, ids=str)
@pytest.mark.parametrize("obs", OBS)
def test_one_stream_has_the_same_rows(obs, options) -> None:
    if "save_only_last_obs" in options and obs != "image":
        pytest.skip("for stacked images")
    rng = np.random.default_rng(0)
    mine, other = (of.ReplayBuffer(20, **options) for of in (ours, theirs))
    assert isinstance(mine, theirs.ReplayBuffer)
    for number in range(50):
        batch = step(rng, OBS[obs])
        results = [buffer.add(copy.deepcopy(batch)) for buffer in (mine, other)]
        for got, expected in zip(*results, strict=True):
            assert got.dtype == expected.dtype and (got == expected).all()
        if number in (0, 7, 25, 49):
            compare(mine, other, rng)
    assert_same(mine._meta, other._meta)


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("obs", ["box", "image", "discrete", "dict"])
def test_several_streams_have_the_same_rows(obs, options, subset) -> None:
    rng = np.random.default_rng(1)
    mine, other = (of.VectorReplayBuffer(30, 4, **options) for of in (ours, theirs))
    assert isinstance(mine, theirs.VectorReplayBuffer)
    assert isinstance(mine, theirs.ReplayBufferManager)
    for number in range(30):
        ids = np.sort(rng.choice(4, rng.integers(1, 5), replace=False)) if subset else np.arange(4)
        batch = Batch.stack([step(rng, OBS[obs]) for _ in ids])
        results = [buffer.add(copy.deepcopy(batch), ids) for buffer in (mine, other)]
        for got, expected in zip(*results, strict=True):
            assert got.dtype == expected.dtype and (got == expected).all()
        if number in (0, 3, 17, 29):
            compare(mine, other, rng)
    for part, peer in zip(mine.buffers, other.buffers, strict=True):
        assert_same(part[:], peer[:])
        assert (part._insertion_idx, part._size) == (peer._insertion_idx, peer._size)


@pytest.mark.parametrize(("parts", "weight_norm"), [(1, True), (1, False), (3, True)])
def test_the_same_seed_draws_the_same_rows_with_the_same_weights(parts, weight_norm) -> None:
    rng = np.random.default_rng(2)
    if parts == 1:
        pair = [
            of.PrioritizedReplayBuffer(40, **PRIORITIES, weight_norm=weight_norm)
            for of in (ours, theirs)
        ]
    else:
        pair = [of.PrioritizedVectorReplayBuffer(40, parts, **PRIORITIES) for of in (ours, theirs)]
    mine, other = pair
    different = 0
    for number in range(60):
        batch = Batch.stack([step(rng, OBS["box"]) for _ in range(parts)])
        for buffer in pair:
            buffer.add(batch, np.arange(parts))
        mine.set_beta(0.4 + number / 100)
        other._beta = 0.4 + number / 100  # Tianshou's set_beta reaches the parts alone
        np.random.seed(number)
        got, rows = mine.sample(16)
        np.random.seed(number)
        _, peer_rows = other.sample(16)
        different += int((rows != peer_rows).sum())  # float32 sums: a draw on an edge may differ
        expected = other[rows]
        np.testing.assert_allclose(got.weight, expected.weight, rtol=1e-4)
        assert got.weight.dtype == expected.weight.dtype
        del got.__dict__["weight"], expected.__dict__["weight"]
        assert_same(got, expected)
        errors = torch.from_numpy(rng.normal(size=16))
        mine.update_weight(rows, errors)
        other.update_weight(rows, errors)
    assert different <= 2
    assert mine._max_prio == pytest.approx(other._max_prio)


def test_a_vector_buffer_heeds_beta_and_weight_norm_which_tianshous_forgets() -> None:
    buffer = ours.PrioritizedVectorReplayBuffer(40, 2, **PRIORITIES, weight_norm=False)
    rng = np.random.default_rng(7)
    for _ in range(10):
        buffer.add(Batch.stack([step(rng, OBS["box"]) for _ in range(2)]))
    buffer.update_weight(np.arange(10), rng.random(10) * 3)
    weights = {}
    for beta in (0.0, 1.0):
        buffer.set_beta(beta)
        weights[beta] = buffer.sample(64)[0].weight
    assert (weights[0.0] == 1.0).all()
    expected = buffer.weight[np.arange(10)] / buffer._min_prio
    np.testing.assert_allclose(buffer.get_weight(np.arange(10)), 1 / expected, rtol=1e-5)


def filled(kind="VectorReplayBuffer", count=30):
    extra = PRIORITIES if "Prioritized" in kind else {}
    buffer = getattr(ours, kind)(20, 2, **extra)
    rng = np.random.default_rng(3)
    for _ in range(count):
        buffer.add(Batch.stack([step(rng, OBS["dict"]) for _ in range(2)]))
    return buffer


@pytest.mark.parametrize("kind", ["VectorReplayBuffer", "PrioritizedVectorReplayBuffer"])
@pytest.mark.parametrize("how", ["pickle", "deepcopy", "hdf5"])
def test_copies_hold_the_same_and_go_their_own_way(kind, how, tmp_path) -> None:
    buffer = filled(kind)
    if how == "hdf5":
        buffer.save_hdf5(str(tmp_path / "buffer.hdf5"))
        twin = type(buffer).load_hdf5(str(tmp_path / "buffer.hdf5"))
    else:
        twin = copy.deepcopy(buffer) if how == "deepcopy" else pickle.loads(pickle.dumps(buffer))
    np.random.seed(0)
    expected, rows = buffer.sample(50)
    np.random.seed(0)
    got, twin_rows = twin.sample(50)
    assert (rows == twin_rows).all()
    assert_same(got, expected)
    twin.obs.goal[:] = 9.0
    twin.buffers[0].rew[:] = 5.0
    assert (twin.rew[:10] == 5.0).all() and not (buffer.rew == 5.0).any()
    assert not (buffer.obs.goal == 9.0).any()


def test_what_is_written_is_sampled_and_parts_share_the_memory() -> None:
    buffer = filled()
    buffer._meta.obs.goal[:] = 3.0
    buffer.buffers[1].act[:] = 4.0
    batch, rows = buffer.sample(64)
    assert (batch.obs.goal == 3.0).all()
    assert (batch.act[rows >= 10] == 4.0).all() and (batch.act[rows < 10] != 4.0).any()


def test_what_was_sampled_stays_as_it_is() -> None:
    buffer = filled()
    batch, _ = buffer.sample(32)
    kept = copy.deepcopy(batch)
    buffer.rew[:] = 0.0
    buffer.obs.goal[:] = 0.0
    for _ in range(5):
        buffer.sample(32)
    assert_same(batch, kept)


def test_every_row_is_drawn_equally_and_the_seed_makes_it_repeatable() -> None:
    buffers = [ours.VectorReplayBuffer(40, 2, random_seed=seed) for seed in (1, 1, 2)]
    rng = np.random.default_rng(4)
    for _ in range(13):
        batch = Batch.stack([step(rng, OBS["box"]) for _ in range(2)])
        for buffer in buffers:
            buffer.add(batch)
            buffer.add(batch[:1], [0])
    draws = [buffer.sample_indices(100_000) for buffer in buffers]
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()
    counts = np.bincount(draws[0], minlength=40)
    stored = np.r_[np.arange(20), np.arange(20, 33)]
    assert counts.sum() == counts[stored].sum()
    expected = 100_000 / 33
    assert ((counts[stored] - expected) ** 2 / expected).sum() < 80  # 32 degrees: p < 1e-5


def test_late_keys_other_shapes_and_size_zero_go_tianshous_way() -> None:
    mine, other = (of.ReplayBuffer(10) for of in (ours, theirs))
    rng = np.random.default_rng(5)
    for number in range(14):
        batch = step(rng, OBS["box"])
        if number > 5:
            batch.info = Batch(batch.info, late=number, tensor=torch.ones(2) * number)
        for buffer in (mine, other):
            buffer.add(copy.deepcopy(batch))
    compare(mine, other, rng)
    assert_same(mine._meta, other._meta)
    assert len(ours.ReplayBuffer(0).sample_indices(0)) == 0


def test_a_priority_that_is_not_finite_is_refused() -> None:
    buffer = filled("PrioritizedVectorReplayBuffer")
    before = buffer.weight[np.arange(20)]
    with pytest.raises(ValueError, match="finite"):
        buffer.update_weight(np.array([1, 2]), np.array([0.5, np.nan]))
    assert (buffer.weight[np.arange(20)] == before).all()


@pytest.mark.parametrize("parts", [1, 2])
def test_goals_are_relabelled_as_by_tianshou(parts) -> None:
    def reward(achieved, desired):
        return -np.abs(achieved - desired).sum(axis=-1)

    def goals(rng):
        each = ("observation", "achieved_goal", "desired_goal")
        return {name: rng.normal(size=2) for name in each}

    rng = np.random.default_rng(6)
    options = {"compute_reward_fn": reward, "horizon": 10, "future_k": 4}
    pair = [
        of.HERReplayBuffer(40, **options)
        if parts == 1
        else of.HERVectorReplayBuffer(80, parts, **options)
        for of in (ours, theirs)
    ]
    for number in range(60):
        batch = Batch.stack([step(rng, goals) for _ in range(parts)])
        batch.terminated[:], batch.truncated[:] = number % 7 == 6, False
        for buffer in pair:
            buffer.add(copy.deepcopy(batch), np.arange(parts))
    samples = []
    for buffer in pair:
        for part in {buffer, *getattr(buffer, "buffers", [])}:
            part._random_state = np.random.RandomState(9)
        np.random.seed(9)
        samples.append(buffer.sample(0))
    (got, rows), (expected, peer_rows) = samples
    assert (rows == peer_rows).all()
    assert_same(got, expected)
