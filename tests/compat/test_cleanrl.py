"""CleanRL's buffers: the rows of plain arrays for the same draws, and CleanRL's scripts run.

With CLEANRL_CHECKOUT set to a checkout of CleanRL, its own class is compared too, and its scripts
are run with only the import changed; for those gymnasium has to be 0.29, as CleanRL pins it.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gymnasium = pytest.importorskip("gymnasium")

from gymnasium import spaces  # noqa: E402

from sharpwave.compat import cleanrl  # noqa: E402
from sharpwave.compat.cleanrl import ReplayBuffer  # noqa: E402

CHECKOUT = os.environ.get("CLEANRL_CHECKOUT", "")
NAMES = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
FIELDS = ("observations", "actions", "next_observations", "dones", "rewards")

SPACES = {
    "box": (spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2,))),
    "float64": (spaces.Box(-1, 1, (3,), np.float64), spaces.Box(-1, 1, (2, 2), np.float64)),
    "image": (spaces.Box(0, 255, (2, 8, 8), np.uint8), spaces.Discrete(4)),
    "discrete": (spaces.Discrete(9), spaces.MultiDiscrete([3, 4])),
    "multi": (spaces.MultiDiscrete([5, 6, 7]), spaces.MultiBinary(5)),
}


class PlainReplayBuffer:
    """CleanRL's buffer, reduced to which rows a step and an environment stand for."""

    def __init__(self, buffer_size, observation_space, action_space, n_envs, handles_timeouts):
        self.buffer_size = buffer_size // n_envs
        self.n_envs, self.handles_timeouts = n_envs, handles_timeouts
        shape = observation_space.shape or (1,)
        dim = int(np.prod(action_space.shape)) if action_space.shape else 1
        dtype = np.float32 if action_space.dtype == np.float64 else action_space.dtype
        steps = (self.buffer_size, n_envs)
        self.observations = np.zeros((*steps, *shape), observation_space.dtype)
        self.next_observations = np.zeros_like(self.observations)
        self.actions = np.zeros((*steps, dim), dtype)
        self.rewards, self.dones, self.timeouts = (np.zeros(steps, "f4") for _ in range(3))
        self.pos, self.full = 0, False

    def add(self, obs, next_obs, action, reward, done, infos):
        self.observations[self.pos] = obs.reshape(self.observations.shape[1:])
        self.next_observations[self.pos] = next_obs.reshape(self.observations.shape[1:])
        self.actions[self.pos] = action.reshape(self.actions.shape[1:])
        self.rewards[self.pos], self.dones[self.pos] = reward, done
        if self.handles_timeouts:
            self.timeouts[self.pos] = [info.get("TimeLimit.truncated", False) for info in infos]
        self.pos = (self.pos + 1) % self.buffer_size
        self.full = self.full or self.pos == 0

    def rows(self, steps, envs):
        dones = self.dones[steps, envs] * (1 - self.timeouts[steps, envs])
        return (
            self.observations[steps, envs],
            self.actions[steps, envs],
            self.next_observations[steps, envs],
            dones.reshape(-1, 1),
            self.rewards[steps, envs].reshape(-1, 1),
        )


def stream(kind, n_envs, count, seed=0):
    """Arguments of add: episodes that terminate and that are truncated, as vectors give them."""
    rng = np.random.default_rng(seed)
    observation_space, action_space = SPACES[kind]

    def values(space):
        if space.dtype.kind == "f":
            return rng.normal(size=(n_envs, *space.shape))  # float64, as MuJoCo gives it
        return rng.integers(0, 3, (n_envs, *space.shape)).astype(space.dtype)

    obs = values(observation_space)
    for _ in range(count):
        following, true_next = values(observation_space), values(observation_space)
        done, timeout = rng.random(n_envs) < 0.2, rng.random(n_envs) < 0.2
        ended = done | timeout
        next_obs = following.copy()
        next_obs[ended] = true_next[ended]
        infos = [{"TimeLimit.truncated": bool(each)} if each else {} for each in timeout]
        yield obs, next_obs, values(action_space), rng.normal(size=n_envs), ended, infos
        obs = following


def drawn(buffer, steps, envs, monkeypatch):
    """Samples of these steps and environments."""
    monkeypatch.setattr(cleanrl, "integers", lambda below, count: envs)
    return buffer._get_samples(steps)


@pytest.mark.parametrize("handles_timeouts", [False, True])
@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("kind", SPACES)
def test_rows_are_those_of_plain_arrays(kind, n_envs, once, handles_timeouts, monkeypatch) -> None:
    ours = ReplayBuffer(
        20 * n_envs + 1,
        *SPACES[kind],
        "cpu",
        n_envs,
        optimize_memory_usage=once,
        handle_timeout_termination=handles_timeouts,
    )
    plain = PlainReplayBuffer(20 * n_envs + 1, *SPACES[kind], n_envs, handles_timeouts)
    rng = np.random.default_rng(1)
    for step in stream(kind, n_envs, 70):
        ours.add(*step)
        plain.add(*step)
        assert (ours.pos, ours.full) == (plain.pos, plain.full)
        steps = np.arange(ours.size())
        if once and ours.full:
            steps = np.delete(steps, ours.pos)
        steps = rng.permutation(steps)
        if len(steps) == 0:
            continue
        envs = rng.integers(0, n_envs, len(steps))
        samples = drawn(ours, steps, envs, monkeypatch)
        for name, got, expected in zip(FIELDS, samples, plain.rows(steps, envs), strict=True):
            assert got.numpy().dtype == expected.dtype, name
            assert got.shape == expected.shape, name
            assert (got.numpy() == expected).all(), name
    assert samples._fields == FIELDS
    if once:
        assert not hasattr(ours, "next_observations")
        return
    for name in NAMES:
        ours_, theirs = getattr(ours, name), getattr(plain, name)
        assert ours_.shape == theirs.shape and ours_.dtype == theirs.dtype
        assert (ours_ == theirs).all()


def original_class():
    if not CHECKOUT:
        pytest.skip("CLEANRL_CHECKOUT names no checkout of CleanRL")
    path = Path(CHECKOUT) / "cleanrl_utils" / "buffers.py"
    spec = importlib.util.spec_from_file_location("cleanrl_original_buffers", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.ReplayBuffer


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("kind", SPACES)
def test_samples_are_those_of_cleanrls_class_for_the_same_draws(kind, n_envs, monkeypatch) -> None:
    original = original_class()
    ours, theirs = (
        cls(20 * n_envs, *SPACES[kind], "cpu", n_envs) for cls in (ReplayBuffer, original)
    )
    monkeypatch.setattr(cleanrl, "integers", lambda below, n: np.random.randint(0, below, size=n))
    for number, step in enumerate(stream(kind, n_envs, 50)):
        ours.add(*step)
        theirs.add(*step)
        np.random.seed(number)
        got = ours.sample(16)
        np.random.seed(number)
        for name, a, b in zip(FIELDS, got, theirs.sample(16), strict=True):
            assert a.dtype == b.dtype and torch.equal(a, b), name


def filled(count=30, kind="box", n_envs=1, size=20, **options):
    buffer = ReplayBuffer(size, *SPACES[kind], "cpu", n_envs, **options)
    for step in stream(kind, n_envs, count):
        buffer.add(*step)
    return buffer


def test_arrays_are_live_and_writable() -> None:
    buffer = filled(10, n_envs=2)
    buffer.observations[:] = 7.0
    buffer.dones[:], buffer.timeouts[:] = 1.0, 0.0
    buffer.rewards = np.full((10, 2), 3.0)  # an assignment writes, too
    samples = buffer.sample(8)
    assert (samples.observations == 7.0).all()
    assert (samples.dones == 1.0).all() and (samples.rewards == 3.0).all()
    buffer.timeouts[:] = 1.0
    assert (buffer.sample(8).dones == 0.0).all()


def test_pos_and_full_can_be_set() -> None:
    buffer = filled(30)
    buffer.pos, buffer.full = 1, False
    buffer.rewards[0] = 5.0
    assert buffer.size() == 1
    assert (buffer.sample(9).rewards == 5.0).all()
    buffer.reset()
    with pytest.raises(ValueError, match="nothing was added yet"):
        buffer.sample(1)


def test_what_was_sampled_stays_as_it_is() -> None:
    buffer = filled(30)
    samples = buffer.sample(16)
    kept = [tensor.clone() for tensor in samples]
    buffer.observations[:] = 0.0
    for _ in range(5):
        buffer.sample(16)
    assert all(torch.equal(a, b) for a, b in zip(samples, kept, strict=True))


def test_numpys_seed_makes_sampling_repeatable_and_all_rows_are_drawn() -> None:
    buffer = filled(20, n_envs=2, size=40)
    buffer.rewards[:] = np.arange(40).reshape(20, 2)
    np.random.seed(5)
    first, second = buffer.sample(50), buffer.sample(50)
    np.random.seed(5)
    assert torch.equal(buffer.sample(50).rewards, first.rewards)
    assert not torch.equal(first.rewards, second.rewards)
    assert set(buffer.sample(2000).rewards.flatten().tolist()) == set(range(40))


def test_with_successors_stored_once_the_row_that_is_lost_is_never_drawn() -> None:
    buffer = filled(33, optimize_memory_usage=True)
    buffer.rewards[:] = np.arange(20)[:, None]
    seen = set(buffer.sample(2000).rewards.flatten().tolist())
    assert seen == set(range(20)) - {buffer.pos}


def test_what_is_kept_apart_goes_with_its_row() -> None:
    buffer = filled(500, n_envs=2, size=40, optimize_memory_usage=True)
    assert 0 < len(buffer._apart) <= 40


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
@pytest.mark.parametrize("once", [False, True])
def test_copies_hold_the_same_and_go_their_own_way(duplicate, once) -> None:
    buffer = filled(33, n_envs=2, optimize_memory_usage=once)
    twin = duplicate(buffer)
    np.random.seed(0)
    kept = buffer.sample(50)
    np.random.seed(0)
    assert all(torch.equal(a, b) for a, b in zip(kept, twin.sample(50), strict=True))
    for step in stream("box", 2, 5, seed=9):
        twin.add(*step)
    np.random.seed(0)
    assert all(torch.equal(a, b) for a, b in zip(kept, buffer.sample(50), strict=True))


def test_infos_may_be_a_dict() -> None:
    obs = np.zeros((2, 3))
    buffer = ReplayBuffer(8, *SPACES["box"], "cpu", 2)
    timeouts = np.array([True, False])
    for infos in ({"TimeLimit.truncated": timeouts, "final_info": [None, {}]}, {}):
        buffer.add(obs, obs, np.zeros((2, 2)), np.ones(2), np.ones(2, bool), infos)
    assert buffer.timeouts[:2].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_arrays_that_are_written_again_and_extend() -> None:
    steps = list(stream("box", 1, 6))
    buffer = filled(0)
    buffer.extend(*zip(*steps, strict=True))
    for step in steps:
        step[0][:], step[1][:] = 99.0, 99.0
    assert (buffer.observations[:6] < 50).all() and (buffer.next_observations[:6] < 50).all()
    assert buffer.pos == 6


def test_arguments_and_errors() -> None:
    buffer = filled(3)
    assert str(buffer.device) == "cpu"
    buffer.device = "cpu"
    assert buffer.sample(1).rewards.device == torch.device("cpu")
    assert buffer.to_torch(np.ones(2)).tolist() == [1.0, 1.0]
    assert ReplayBuffer(10, *SPACES["box"], "auto", n_envs=4).buffer_size == 2
    with pytest.raises(TypeError, match="n_steps"):
        ReplayBuffer(10, *SPACES["box"], n_steps=3)
    with pytest.raises(NotImplementedError, match="Dict"):
        ReplayBuffer(10, spaces.Dict({"a": SPACES["box"][0]}), SPACES["box"][1])
    with pytest.raises(ValueError, match="observations: expected shape"):
        buffer.add(np.zeros((1, 4)), np.zeros((1, 3)), np.zeros((1, 2)), 0.0, False, [{}])
    assert buffer.pos == 3


@pytest.mark.parametrize("once", [False, True])
def test_a_step_that_is_refused_changes_nothing(once) -> None:
    buffer, twin = (filled(33, n_envs=2, optimize_memory_usage=once) for _ in range(2))
    step = next(stream("box", 2, 1, seed=3))
    with pytest.raises(ValueError, match="rewards: expected shape"):
        buffer.add(*step[:3], np.zeros(3), *step[4:])
    with pytest.raises(ValueError, match="observations: expected shape"):
        buffer.add(step[0][:1], *step[1:])
    with pytest.raises(ValueError, match=r"next_observations: expected shape|reshape"):
        buffer.add(step[0], step[1][:1], *step[2:])
    np.random.seed(1)
    kept = buffer.sample(99)
    np.random.seed(1)
    assert all(torch.equal(a, b) for a, b in zip(kept, twin.sample(99), strict=True))


# CleanRL's scripts.

SCRIPTS = {
    "dqn": ["--train-frequency", "1"],
    "c51": ["--train-frequency", "1"],
    "ddpg_continuous_action": ["--env-id", "Pendulum-v1"],
    "td3_continuous_action": ["--env-id", "Pendulum-v1"],
    "sac_continuous_action": ["--env-id", "Pendulum-v1"],
}
IMPORT = "from cleanrl_utils.buffers import ReplayBuffer"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_with_only_the_import_changed(name, tmp_path) -> None:
    if not CHECKOUT:
        pytest.skip("CLEANRL_CHECKOUT names no checkout of CleanRL")
    if not gymnasium.__version__.startswith("0.29"):
        pytest.skip("CleanRL's scripts are for gymnasium 0.29")
    pytest.importorskip("tyro")
    text = (Path(CHECKOUT) / "cleanrl" / f"{name}.py").read_text()
    assert text.count(IMPORT) == 1
    script = tmp_path / f"{name}.py"
    script.write_text(text.replace(IMPORT, "from sharpwave.compat.cleanrl import ReplayBuffer"))
    steps = ["--total-timesteps", "320", "--learning-starts", "250"]
    command = [sys.executable, script.name, *steps, *SCRIPTS[name]]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "episodic_return" in run.stdout and "SPS:" in run.stdout
