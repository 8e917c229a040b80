"""Stable-Baselines3's buffers beside ours: the same steps, the same rows, the same samples."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("stable_baselines3")

import gymnasium  # noqa: E402
from gymnasium import spaces  # noqa: E402
from stable_baselines3 import DQN, SAC, TD3  # noqa: E402
from stable_baselines3.common import buffers as theirs  # noqa: E402
from stable_baselines3.common.envs import BitFlippingEnv  # noqa: E402
from stable_baselines3.common.utils import set_random_seed  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize  # noqa: E402
from stable_baselines3.her import HerReplayBuffer as TheirHerReplayBuffer  # noqa: E402

import sharpwave.compat.sb3 as ours  # noqa: E402

OBS = {
    "box": spaces.Box(-9, 9, (3,), "float32"),
    "image": spaces.Box(0, 255, (4, 12, 12), "uint8"),
    "discrete": spaces.Discrete(7),
    "dict": spaces.Dict(
        {"a": spaces.Box(-9, 9, (2,), "float64"), "b": spaces.Box(0, 255, (2, 5, 5), "uint8"),
         "c": spaces.Discrete(3)}
    ),
}  # fmt: skip
ACTIONS = {
    "discrete": spaces.Discrete(4),
    "box": spaces.Box(-1, 1, (2,), "float64"),
    "many": spaces.MultiDiscrete([3, 4]),
    "matrix": spaces.Box(-1, 1, (2, 3), "float32"),
}


def stacked(space, n_envs):
    """What a vector environment gives: a value for each environment."""
    values = [space.sample() for _ in range(n_envs)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([value[key] for value in values]) for key in space.spaces}
    return np.stack(values)


def drive(buffers, steps, n_envs, obs_space, action_space, seed=0):
    """The same steps into each buffer, with ends of both kinds and true resets."""
    rng = np.random.default_rng(seed)
    obs_space.seed(seed)
    action_space.seed(seed)
    obs = stacked(obs_space, n_envs)
    for _ in range(steps):
        next_obs, action = stacked(obs_space, n_envs), stacked(action_space, n_envs)
        reward = rng.normal(size=n_envs).astype("f4")
        done = rng.random(n_envs) < 0.15
        infos = [{"TimeLimit.truncated": bool(d and rng.random() < 0.5)} for d in done]
        for buffer in buffers:
            buffer.add(copy.deepcopy(obs), copy.deepcopy(next_obs), action, reward, done, infos)
        obs = stacked(obs_space, n_envs) if done.any() else next_obs


@pytest.fixture
def same_environments(monkeypatch):
    """Both draw the environments of a row by NumPy's randint."""

    def integers(below, count):
        return np.random.randint(0, below, size=count)

    monkeypatch.setattr("sharpwave.compat.sb3.buffers.integers", integers)


def assert_same(got, expected) -> None:
    for name in expected._fields:
        mine, other = getattr(got, name), getattr(expected, name)
        if isinstance(other, dict):
            assert list(mine) == list(other)
        pairs = [(mine[k], other[k]) for k in other] if isinstance(other, dict) else [(mine, other)]
        for one, two in pairs:
            if two is None:
                assert one is None
                continue
            assert (one.dtype, one.shape, one.device) == (two.dtype, two.shape, two.device), name
            torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6, msg=name)


def compare(mine, other, env=None, count=200) -> None:
    for seed in range(3):
        rows = np.random.default_rng(seed).integers(0, other.size(), count)
        np.random.seed(seed)
        got = mine._get_samples(rows, env)
        np.random.seed(seed)
        assert_same(got, other._get_samples(rows, env))


@pytest.mark.usefixtures("same_environments")
@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("obs", OBS)
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("timeouts", [True, False])
def test_the_same_rows_give_the_same_samples(obs, action, n_envs, timeouts, memory) -> None:
    name = "DictReplayBuffer" if obs == "dict" else "ReplayBuffer"
    spaces_ = OBS[obs], ACTIONS[action]
    other = getattr(theirs, name)(
        40 * n_envs, *spaces_, "cpu", n_envs, handle_timeout_termination=timeouts
    )
    mine = getattr(ours, name)(40 * n_envs, *spaces_, "cpu", n_envs, memory, timeouts)
    assert isinstance(mine, getattr(theirs, name))
    for steps in (1, 20, 30):  # a row, a part, a wrapped ring
        drive([mine, other], steps, n_envs, *spaces_, seed=steps)
        assert (mine.pos, mine.full, mine.size()) == (other.pos, other.full, other.size())
        compare(mine, other)


@pytest.mark.usefixtures("same_environments")
@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("n_steps", [1, 3, 9])
def test_windows_are_theirs(n_envs, n_steps, memory) -> None:
    spaces_ = OBS["image"], ACTIONS["discrete"]
    options = {"n_steps": n_steps, "gamma": 0.9}
    other = theirs.NStepReplayBuffer(40 * n_envs, *spaces_, "cpu", n_envs, **options)
    mine = ours.NStepReplayBuffer(40 * n_envs, *spaces_, "cpu", n_envs, memory, **options)
    assert isinstance(mine, theirs.NStepReplayBuffer)
    for steps in (1, 20, 60):
        drive([mine, other], steps, n_envs, *spaces_, seed=steps)
        if n_steps > 1:  # with one step theirs has discounts of gamma, ours leaves that to SB3
            compare(mine, other)
    mine.dones[mine.pos - 2] = other.dones[other.pos - 2] = True
    if n_steps > 1:
        compare(mine, other)


@pytest.mark.usefixtures("same_environments")
@pytest.mark.parametrize("kind", ["box", "dict"])
@pytest.mark.parametrize("n_steps", [1, 3])
def test_samples_are_normalized_as_theirs(kind, n_steps) -> None:
    if kind == "dict" and n_steps > 1:
        pytest.skip("theirs has no windows for Dict observations")
    spaces_ = OBS["dict" if kind == "dict" else "box"], ACTIONS["box"]

    class Env(gymnasium.Env):
        observation_space, action_space = spaces_

    keys = {"norm_obs_keys": ["a"]} if kind == "dict" else {}
    env = VecNormalize(DummyVecEnv([Env]), clip_reward=0.5, **keys)
    env.ret_rms.var = np.array(2.0)
    rms = env.obs_rms["a"] if kind == "dict" else env.obs_rms
    rms.mean, rms.var = rms.mean + 0.3, rms.var * 2
    if n_steps > 1:
        other, mine = (m.NStepReplayBuffer(50, *spaces_, "cpu", n_steps=3) for m in (theirs, ours))
    else:
        name = "DictReplayBuffer" if kind == "dict" else "ReplayBuffer"
        other, mine = (getattr(m, name)(50, *spaces_, "cpu") for m in (theirs, ours))
    drive([mine, other], 70, 1, *spaces_)
    compare(mine, other, env)


def test_dict_observations_have_windows_too() -> None:
    spaces_ = OBS["dict"], ACTIONS["box"]
    plain = ours.DictReplayBuffer(50, *spaces_, "cpu", n_steps=3, gamma=0.9)
    compact = ours.DictReplayBuffer(50, *spaces_, "cpu", 1, True, n_steps=3, gamma=0.9)
    drive([plain, compact], 80, 1, *spaces_)
    rows = np.arange(50)
    assert_same(compact._get_samples(rows), plain._get_samples(rows))
    reference = theirs.NStepReplayBuffer(50, OBS["box"], spaces_[1], "cpu", n_steps=3, gamma=0.9)
    for name in ("rewards", "dones", "timeouts"):
        getattr(reference, name)[:] = getattr(plain, name)
    reference.pos, reference.full = plain.pos, plain.full
    got, expected = plain._get_samples(rows), reference._get_samples(rows)
    torch.testing.assert_close(got.rewards, expected.rewards)
    torch.testing.assert_close(got.discounts, expected.discounts)
    torch.testing.assert_close(got.dones, expected.dones)


@pytest.mark.parametrize("n_envs", [1, 3])
def test_arrays_are_live_and_of_their_shapes(n_envs) -> None:
    spaces_ = OBS["box"], ACTIONS["box"]
    mine, other = (m.ReplayBuffer(20 * n_envs, *spaces_, "cpu", n_envs) for m in (ours, theirs))
    drive([mine, other], 30, n_envs, *spaces_)
    for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
        one, two = getattr(mine, name), getattr(other, name)
        assert (one.shape, one.dtype) == (two.shape, two.dtype), name
        assert (one == two).all(), name
        one[7] = two[7] = 1
    np.random.seed(0)
    for name in ("observations", "next_observations", "actions", "rewards"):
        assert (getattr(mine._get_samples(np.array([7])), name) == 1).all(), name
    mine.rewards = np.full((20, n_envs), 5.0)
    assert (mine.sample(4).rewards == 5).all()
    mine.pos, mine.full = 3, False
    assert mine.size() == 3
    mine.reset()
    assert mine.size() == 0
    with pytest.raises(ValueError, match="bound"):
        mine.sample(1)


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("obs", OBS)
def test_copies_and_pickles_go_on_alike(obs, memory) -> None:
    name = "DictReplayBuffer" if obs == "dict" else "ReplayBuffer"
    spaces_ = OBS[obs], ACTIONS["discrete"]
    buffer = getattr(ours, name)(30, *spaces_, "cpu", 1, memory)
    drive([buffer], 40, 1, *spaces_)
    for copied in (lambda b: pickle.loads(pickle.dumps(b)), copy.deepcopy):
        other = copied(buffer)
        drive([buffer, other], 5, 1, *spaces_, seed=5)
        np.random.seed(3)
        expected = buffer.sample(64)
        np.random.seed(3)
        assert_same(other.sample(64), expected)
        other.rewards[:] = 7
        assert not (buffer.rewards == 7).any()


def test_a_seed_of_sb3_makes_samples_repeatable() -> None:
    spaces_ = OBS["box"], ACTIONS["box"]
    for make in (ours.ReplayBuffer, ours.PrioritizedReplayBuffer):
        buffer = make(40, *spaces_, "cpu", 2)
        drive([buffer], 20, 2, *spaces_)
        set_random_seed(5)
        expected = [buffer.sample(8) for _ in range(3)]
        set_random_seed(5)
        for one in expected:
            assert (buffer.sample(8).rewards == one.rewards).all()


def test_unknown_options_are_errors_and_extend_is_there() -> None:
    spaces_ = OBS["box"], ACTIONS["box"]
    with pytest.raises(TypeError, match="nsteps"):
        ours.ReplayBuffer(10, *spaces_, nsteps=3)
    buffer = ours.ReplayBuffer(10, *spaces_, "cpu")
    ones = np.ones((4, 1, 3), "f4")
    buffer.extend(ones, ones, np.ones((4, 1, 2)), np.ones((4, 1)), np.zeros((4, 1)), [[{}]] * 4)
    assert buffer.pos == 4


class RecordingEnv:
    """The goal environments' reward, as ``env_method`` calls it."""

    def env_method(self, name, achieved, desired, infos, indices):
        assert name == "compute_reward"
        assert indices == [0]
        assert len(infos) == len(achieved)
        return [-(np.abs(achieved - desired).sum(axis=-1) > 0.5).astype("f8")]


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("strategy", ["future", "final", "episode"])
def test_hindsight_is_theirs_for_the_same_rows_and_goals(strategy, memory, monkeypatch) -> None:
    goal = spaces.Box(-1, 1, (2,), "float32")
    space = spaces.Dict({"observation": OBS["box"], "achieved_goal": goal, "desired_goal": goal})
    options = {"n_sampled_goal": 3, "goal_selection_strategy": strategy, "copy_info_dict": True}
    mine = ours.HerReplayBuffer(
        60, space, ACTIONS["box"], RecordingEnv(), "cpu", 2, memory, **options
    )
    other = TheirHerReplayBuffer(60, space, ACTIONS["box"], RecordingEnv(), "cpu", 2, **options)
    assert isinstance(mine, TheirHerReplayBuffer)
    for seed in range(4):
        drive([mine, other], 25, 2, space, ACTIONS["box"], seed=seed)
        for name in ("ep_start", "ep_length", "_current_ep_start"):
            assert (getattr(mine, name) == getattr(other, name)).all()
        rows = np.flatnonzero(other.ep_length > 0)
        rows = rows[np.random.default_rng(seed).integers(0, len(rows), 40)]
        assert other.her_ratio == 0.75
        # Theirs puts the virtual rows first in the draw and last in the batch.
        monkeypatch.setattr(
            mine, "_finished_rows", lambda count, r=rows: np.concatenate([r[30:], r[:30]])
        )
        monkeypatch.setattr(np.random, "choice", lambda *a, r=rows, **k: r)
        np.random.seed(seed)
        got = mine.sample(40)
        np.random.seed(seed)
        assert_same(got, other.sample(40))
        monkeypatch.undo()


def test_only_finished_episodes_are_relabeled_and_truncation_is_theirs() -> None:
    goal = spaces.Box(-1, 1, (2,), "float32")
    space = spaces.Dict({"observation": OBS["box"], "achieved_goal": goal, "desired_goal": goal})
    mine = ours.HerReplayBuffer(50, space, ACTIONS["box"], RecordingEnv(), "cpu")
    mine.add(
        *(stacked(space, 1) for _ in range(2)),
        np.zeros((1, 2)),
        np.zeros(1),
        np.zeros(1, bool),
        [{}],
    )
    with pytest.raises(RuntimeError, match="before the end of the first episode"):
        mine.sample(2)
    loaded = pickle.loads(pickle.dumps(mine))
    assert loaded.env is None
    loaded.set_env(RecordingEnv())
    with pytest.warns(UserWarning, match="last trajectory in the replay buffer will be truncated"):
        loaded.truncate_last_trajectory()
    assert loaded.sample(2).dones.sum() == 0  # a timeout, not a termination
    assert loaded.dones[0, 0] == loaded.timeouts[0, 0] == 1


def test_prioritized_rows_and_weights_are_those_of_the_paper() -> None:
    spaces_ = OBS["box"], ACTIONS["discrete"]
    buffer = ours.PrioritizedReplayBuffer(40, *spaces_, "cpu", 2, alpha=0.7, beta=0.5, eps=1e-3)
    drive([buffer], 30, 2, *spaces_)
    errors = np.random.default_rng(0).normal(size=(40, 1)).astype("f4") * 3
    buffer.update_priorities(np.arange(40), torch.from_numpy(errors))
    priority = (np.abs(errors[:, 0]) + 1e-3) ** 0.7
    drive([buffer], 1, 2, *spaces_)
    new = [2 * (buffer.pos - 1), 2 * (buffer.pos - 1) + 1]
    priority[new] = priority.max()
    counts = np.zeros(40)
    for _ in range(200):
        data = buffer.sample(64)
        np.add.at(counts, data.indices, 1)
        weight = (40 * priority[data.indices] / priority.sum()) ** -0.5
        np.testing.assert_allclose(data.weights[:, 0], weight / weight.max(), rtol=1e-5)
        rows = buffer.rewards.reshape(-1)[data.indices]
        assert (data.rewards[:, 0].numpy() == rows).all()
    share = priority / priority.sum()
    assert np.abs(counts / counts.sum() - share).max() < 4 * np.sqrt(share.max() / counts.sum())
    with pytest.raises(ValueError, match="finite"):
        buffer.update_priorities(np.arange(2), np.array([1.0, np.nan]))
    buffer.anneal(0.5)
    assert buffer.beta == 0.75
    other = pickle.loads(pickle.dumps(buffer))
    np.random.seed(0)
    expected = buffer.sample(16).indices
    np.random.seed(0)
    assert (other.sample(16).indices == expected).all()


def dqn(buffer_class, **options):
    return DQN(
        "MlpPolicy", "CartPole-v1", replay_buffer_class=buffer_class, seed=0, device="cpu",
        learning_starts=50, buffer_size=500, **options,
    )  # fmt: skip


def uniform_of(buffer, rng, count, env=None):
    return buffer._get_samples(rng.integers(0, 500, count), env)


def test_a_thousand_updates_give_the_weights_of_theirs(monkeypatch) -> None:
    models = [dqn(theirs.ReplayBuffer), dqn(ours.ReplayBuffer)]
    space = models[0].observation_space, models[0].action_space
    drive([model.replay_buffer for model in models], 600, 1, *space)
    for model in models:
        rng = np.random.default_rng(1)
        buffer = model.replay_buffer
        monkeypatch.setattr(buffer, "sample", partial(uniform_of, buffer, rng))
        model._setup_learn(1)
        model.train(1000, 32)
    pairs = zip(models[0].policy.parameters(), models[1].policy.parameters(), strict=True)
    for one, two in pairs:
        torch.testing.assert_close(one, two, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("agent", "env"),
    [
        ("PrioritizedDQN", "CartPole-v1"),
        ("PrioritizedQRDQN", "CartPole-v1"),
        ("PrioritizedTD3", "Pendulum-v1"),
        ("PrioritizedSAC", "Pendulum-v1"),
    ],
)
def test_prioritized_agents_learn_save_and_load(agent, env, tmp_path) -> None:
    if agent == "PrioritizedQRDQN":
        pytest.importorskip("sb3_contrib")
    make = getattr(ours, agent)
    model = make(
        "MlpPolicy", env, seed=0, learning_starts=60, buffer_size=300, n_steps=3, device="cpu"
    )
    assert model.replay_buffer.n_steps == 3
    model.learn(150)
    assert 0.4 < model.replay_buffer.beta <= 1
    assert len(np.unique(model.replay_buffer.priorities[np.arange(150)])) > 20
    model.save(tmp_path / "model")
    model.save_replay_buffer(tmp_path / "buffer")
    loaded = make.load(tmp_path / "model", env=gymnasium.make(env))
    loaded.load_replay_buffer(tmp_path / "buffer")
    assert loaded.replay_buffer.size() == model.replay_buffer.size() >= 150
    loaded.learn(70, reset_num_timesteps=False)


@pytest.mark.parametrize(("ours_", "base", "env"), [
    ("PrioritizedDQN", DQN, "CartPole-v1"),
    ("PrioritizedTD3", TD3, "Pendulum-v1"),
    ("PrioritizedSAC", SAC, "Pendulum-v1"),
])  # fmt: skip
def test_with_weights_of_one_an_update_is_that_of_sb3(ours_, base, env, monkeypatch) -> None:
    """The lines that were copied are still those of the installed version."""
    options = {"seed": 0, "buffer_size": 200, "device": "cpu", "learning_starts": 0}
    mine = getattr(ours, ours_)(
        "MlpPolicy", env, replay_buffer_kwargs={"beta": lambda _: 0.0}, **options
    )
    other = base("MlpPolicy", env, replay_buffer_class=ours.ReplayBuffer, **options)
    space = other.observation_space, other.action_space
    drive([mine.replay_buffer, other.replay_buffer], 150, 1, *space)
    for model in (mine, other):
        rng = np.random.default_rng(2)
        rows = lambda count, *_, r=rng: r.integers(0, 150, count)  # noqa: E731
        if model is mine:
            monkeypatch.setattr(
                type(model.replay_buffer.priorities), "draw", lambda _, c, f=rows: f(c)
            )
        else:
            buffer = model.replay_buffer
            monkeypatch.setattr(
                buffer, "sample", lambda c, env=None, f=rows, b=buffer: b._get_samples(f(c), env)
            )
        model._setup_learn(1)
        set_random_seed(1)
        model.train(20, 16)
    for one, two in zip(mine.policy.parameters(), other.policy.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_a_memory_option_with_everything_runs() -> None:
    env = DummyVecEnv([lambda: BitFlippingEnv(n_bits=4, continuous=False)] * 2)
    model = DQN(
        "MultiInputPolicy", env, replay_buffer_class=ours.HerReplayBuffer, seed=0, device="cpu",
        optimize_memory_usage=True, learning_starts=40, buffer_size=400,
    )  # fmt: skip
    model.learn(200)
    with pytest.warns(UserWarning, match="last trajectory in the replay buffer will be truncated"):
        model.learn(20)
