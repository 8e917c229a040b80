"""TorchRL's storage, sampler and buffers beside ours: the same writes, the same rows and weights."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchrl")

from tensordict import TensorDict, assert_close, tensorclass  # noqa: E402
from torchrl import data as theirs  # noqa: E402

from sharpwave.compat import torchrl as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # TorchRL's, and those of what it imports

CAPACITY = 20


@tensorclass
class Step:
    """A step as a tensorclass."""

    obs: torch.Tensor
    reward: torch.Tensor


def nested(count, start=0):
    steps = torch.arange(start, start + count)
    inner = {"obs": steps[:, None].expand(count, 3) * 1.0, "done": (steps % 5 == 0)[:, None]}
    return TensorDict(
        {"obs": steps[:, None] * torch.ones(3), "action": steps % 4, "next": inner}, [count]
    )


MAKERS = {
    "nested": nested,
    "image": lambda n, s=0: TensorDict(
        {"pixels": (torch.arange(s, s + n)[:, None, None] % 256).to(torch.uint8).repeat(1, 6, 6)},
        [n],
    ),
    "bfloat16": lambda n, s=0: TensorDict({"x": torch.arange(s, s + n).bfloat16()}, [n]),
    "tensor": lambda n, s=0: torch.arange(s, s + n)[:, None] * torch.ones(2),
    "tensorclass": lambda n, s=0: Step(
        obs=torch.arange(s, s + n)[:, None] * 1.0,
        reward=torch.arange(s, s + n) * 2.0,
        batch_size=[n],
    ),
    "tuple": lambda n, s=0: (torch.arange(s, s + n), torch.arange(s, s + n)[:, None] * 2.0),
}


def pair(sampler=None, cls="ReplayBuffer", **options):
    return [
        getattr(module, cls)(
            storage=storage(CAPACITY), batch_size=8, sampler=sampler and sampler(module), **options
        )
        for module, storage in ((ours, ours.SharpwaveStorage), (theirs, theirs.LazyTensorStorage))
    ]


def assert_same(got, expected) -> None:
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for one, two in zip(got, expected, strict=True):
            assert_same(one, two)
    elif isinstance(expected, torch.Tensor):
        assert got.dtype == expected.dtype and torch.equal(got, expected)
    else:
        assert type(got) is type(expected) and got.batch_size == expected.batch_size
        assert_close(got, expected, rtol=0, atol=0)
        assert set(got.keys(True, True)) == set(expected.keys(True, True))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_storage_gives_back_what_theirs_does(kind) -> None:
    make = MAKERS[kind]
    mine, other = ours.SharpwaveStorage(CAPACITY), theirs.LazyTensorStorage(CAPACITY)
    assert isinstance(mine, theirs.TensorStorage)
    for start, count in ((0, 3), (3, 1), (4, 16), (15, 5)):
        rows = torch.arange(start, start + count) % CAPACITY
        for storage in (mine, other):
            storage.set(rows, make(count, 100 + start))
        assert len(mine) == len(other)
        index = torch.randint(len(other), (30,))
        for where in (index, slice(0, len(other)), 2):
            assert_same(mine.get(where), other.get(where))
    for storage in (mine, other):
        storage.set(torch.tensor([7, 2, 11]), make(3, 50))  # rows that do not follow each other
    assert_same(mine[:], other[:])


@pytest.mark.parametrize("cls", ["ReplayBuffer", "TensorDictReplayBuffer"])
@pytest.mark.parametrize("kind", ["nested", "image"])
def test_a_buffer_is_written_and_sampled_as_theirs(kind, cls) -> None:
    make = MAKERS[kind]
    mine, other = pair(cls=cls)
    for start in range(0, 40, 4):
        given = [make(3, start), make(3, start)]
        rows = [buffer.extend(data) for buffer, data in zip((mine, other), given, strict=True)]
        assert torch.equal(*rows)
        assert_same(*given)  # which may have been given their index
        for buffer in (mine, other):
            buffer.add(make(1, start + 3)[0])
        assert len(mine) == len(other)
        torch.manual_seed(start)
        got = mine.sample()
        torch.manual_seed(start)
        assert_same(got, other.sample())
        torch.manual_seed(start)
        got = mine.sample(8, return_info=True)
        torch.manual_seed(start)
        expected = other.sample(8, return_info=True)
        assert_same(got[0], expected[0])
        assert torch.equal(got[1]["index"], torch.as_tensor(expected[1]["index"]))


def trees_load() -> bool:
    from torchrl.data.replay_buffers.samplers import prioritized

    return prioritized.SumSegmentTreeFp32 is not None


class PlainPriorities:
    """TorchRL's priorities in a list, for a torch that its compiled trees are not built for."""

    def __init__(self, alpha, beta, eps):
        self.alpha, self.beta, self.eps = alpha, beta, eps
        self.leaves = np.zeros(CAPACITY)
        self.largest = None

    def update(self, rows, priorities):
        self.leaves[rows] = (np.abs(priorities) + self.eps) ** self.alpha
        self.largest = max(self.largest or 0.0, np.abs(priorities).max())

    def add(self, rows):
        default = 1.0 if self.largest is None else self.largest
        self.leaves[rows] = (default + self.eps) ** self.alpha

    def rows(self, draws):
        ends = self.leaves.cumsum()
        return ends.searchsorted(draws * ends[-1], "right")

    def weights(self, rows):
        return (self.leaves[rows] / self.leaves[self.leaves > 0].min()) ** -self.beta


def test_prioritized_rows_and_weights_are_those_of_plain_lists() -> None:
    options = {"alpha": 0.6, "beta": 0.5, "eps": 1e-6}
    plain = PlainPriorities(**options)
    buffer = ours.TensorDictReplayBuffer(
        storage=ours.SharpwaveStorage(CAPACITY),
        sampler=ours.PrioritizedSampler(CAPACITY, **options),
        batch_size=16,
    )
    assert isinstance(buffer._sampler, theirs.PrioritizedSampler)
    rng = np.random.default_rng(0)
    differing = 0
    for number in range(60):
        plain.add(buffer.extend(nested(2, 2 * number)).numpy())
        np.random.seed(number)
        batch = buffer.sample()
        np.random.seed(number)
        expected = plain.rows(np.random.uniform(size=16))
        rows = batch["index"].numpy()
        differing += int((rows != expected).sum())
        np.testing.assert_allclose(batch["priority_weight"], plain.weights(rows), rtol=1e-4)
        assert torch.equal(batch["action"], buffer[:]["action"][batch["index"]])
        unique = np.unique(rows)
        priority = rng.exponential(size=len(unique))
        buffer.update_priority(torch.from_numpy(unique), torch.from_numpy(priority))
        plain.update(unique, priority)
    assert differing <= 2  # float32 leaves: a draw on an edge


@pytest.mark.skipif(not trees_load(), reason="TorchRL's trees do not load with this torch")
def test_prioritized_rows_and_weights_are_theirs() -> None:
    mine, other = pair(lambda module: module.PrioritizedSampler(CAPACITY, 0.6, 0.5))
    for number in range(40):
        for buffer in (mine, other):
            buffer.extend(nested(2, 2 * number))
        samples = []
        for buffer in (mine, other):
            np.random.seed(number)
            samples.append(buffer.sample(return_info=True))
        index = samples[1][1]["index"]
        assert torch.equal(samples[0][1]["index"], torch.as_tensor(index))
        torch.testing.assert_close(*(info["priority_weight"] for _, info in samples))
        for buffer in (mine, other):
            buffer.update_priority(torch.as_tensor(index), torch.rand(8) + number)


def test_a_priority_that_is_not_finite_is_refused_and_changes_nothing() -> None:
    sampler = ours.PrioritizedSampler(CAPACITY, 0.6, 0.5)
    sampler.extend(torch.arange(4))
    before = sampler._sum_tree[np.arange(CAPACITY)].clone()
    with pytest.raises(ValueError, match="finite"):
        sampler.update_priority(torch.tensor([1, 2]), torch.tensor([0.5, float("nan")]))
    assert torch.equal(sampler._sum_tree[np.arange(CAPACITY)], before)


def filled():
    buffer = ours.TensorDictReplayBuffer(
        storage=ours.SharpwaveStorage(CAPACITY),
        sampler=ours.PrioritizedSampler(CAPACITY, 0.6, 0.5),
        batch_size=50,
    )
    buffer.extend(nested(30))
    buffer.update_priority(torch.arange(10), torch.rand(10) * 3)
    return buffer


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "state_dict", "dumps"])
def test_copies_hold_the_same_and_go_their_own_way(how, tmp_path) -> None:
    buffer = filled()
    if how in ("deepcopy", "pickle"):
        twin = copy.deepcopy(buffer) if how == "deepcopy" else pickle.loads(pickle.dumps(buffer))
    else:
        twin = filled()
        twin.empty()
        if how == "state_dict":
            twin.load_state_dict(buffer.state_dict())
        else:
            buffer.dumps(tmp_path / "buffer")
            twin.loads(tmp_path / "buffer")
    np.random.seed(0)
    expected = buffer.sample()
    np.random.seed(0)
    assert_same(twin.sample(), expected)
    twin[:]["obs"].fill_(-1.0)
    assert not (buffer[:]["obs"] == -1.0).any()


def test_what_is_written_is_sampled_and_what_was_sampled_stays() -> None:
    buffer = filled()
    kept = buffer.sample()
    before = kept.clone()
    buffer._storage[:]["obs"].fill_(7.0)
    assert (buffer.sample()["obs"] == 7.0).all()
    for _ in range(5):
        buffer.sample()
    assert_same(kept, before)


def test_transforms_and_prefetch_work_on_top() -> None:
    from torchrl.envs.transforms import DoubleToFloat, RenameTransform

    buffer = ours.TensorDictReplayBuffer(
        storage=ours.SharpwaveStorage(CAPACITY), batch_size=4, prefetch=2
    )
    buffer.append_transform(RenameTransform(["obs"], ["observation"]))
    buffer.append_transform(DoubleToFloat())
    buffer.extend(nested(10).to(torch.float64))
    batch = buffer.sample()
    assert "observation" in batch and batch["next", "obs"].dtype == torch.float32


def test_a_compiled_function_may_add_and_sample() -> None:
    buffer = ours.ReplayBuffer(storage=ours.SharpwaveStorage(CAPACITY), batch_size=4)
    buffer.extend(nested(10))

    @torch.compile(backend="eager")
    def summed():
        return buffer.sample()["obs"].sum() * 0 + 1

    assert summed() == 1


@pytest.mark.parametrize(
    "options", [{"device": "meta"}, {"consolidated": True}, {"shared_init": True}], ids=str
)
def test_what_is_for_other_storages_is_refused(options) -> None:
    with pytest.raises(ValueError, match="expected device='cpu'"):
        ours.SharpwaveStorage(10, **options)
