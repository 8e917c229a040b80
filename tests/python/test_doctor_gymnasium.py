"""diagnose() on real environments: rightly stored nothing is found, wrongly stored the fault is."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import sharpwave as sw

gym = pytest.importorskip("gymnasium")

MODES = ("NEXT_STEP", "SAME_STEP", "DISABLED")
STEPS = 400


def vector_env(name: str, mode: str, **options: Any) -> Any:
    settings = {"autoreset_mode": gym.vector.AutoresetMode[mode]} | options
    return gym.make_vec(name, num_envs=3, vectorization_mode="sync", vector_kwargs=settings)


def played(env: Any, steps: int = STEPS, **options: Any) -> sw.ReplayBuffer:
    """A buffer after random actions, filled as the README does it."""
    buffer = sw.ReplayBuffer.for_env(env, 3 * steps, seed=0, **options)
    mode = env.metadata["autoreset_mode"]
    obs, _ = env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(steps):
        action = env.action_space.sample()
        next_obs, reward, terminated, truncated, info = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated, truncated, info)
        obs = next_obs
        ended = terminated | truncated
        if mode == gym.vector.AutoresetMode.DISABLED and ended.any():
            obs, _ = env.reset(options={"reset_mask": ended})
    return buffer


def kinds(diagnosis: sw.Diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis]


NAMES = ["CartPole-v1", "FrozenLake-v1", "Blackjack-v1", "Acrobot-v1"]


@pytest.mark.parametrize("options", [{}, {"n_step": 3}, {"insertion": sw.Reservoir()}], ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_where_all_is_stored_rightly(name, mode, options) -> None:
    buffer = played(vector_env(name, mode), **options)
    assert list(sw.diagnose(buffer)) == []


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("autoreset", [None, "disabled"])
@pytest.mark.parametrize("name", NAMES[:3])
def test_resets_stored_as_transitions_are_found(name, autoreset, n_step) -> None:
    buffer = played(vector_env(name, "NEXT_STEP"), autoreset=autoreset, n_step=n_step)
    found = sw.diagnose(buffer)
    assert kinds(found) == ["reset_row"]
    index, flags = buffer._listing()
    rows = buffer.rows(index, n_step=1)
    resets = [i + 3 for i in index[rows.terminated | rows.truncated] if i + 3 in index]
    assert found[0].count == len(resets)
    assert found[0].index == tuple(resets[:5])
    assert 'autoreset="next_step"' in found[0].message
    assert len(flags) == found.transitions == 3 * STEPS


@pytest.mark.parametrize("autoreset", [None, "disabled"])
@pytest.mark.parametrize("name", NAMES[:3])
def test_successors_from_the_next_episode_are_found(name, autoreset) -> None:
    buffer = played(vector_env(name, "SAME_STEP"), autoreset=autoreset)
    found = sw.diagnose(buffer)
    assert kinds(found) == ["final_obs"]
    assert buffer.rows(found[0].index).terminated.all()
    assert 'autoreset="same_step"' in found[0].message


def test_a_single_environment_and_resets_that_nobody_told_of() -> None:
    env = gym.make("CartPole-v1")
    for tells in (True, False):
        buffer = sw.ReplayBuffer.for_env(env, 1000, seed=0)
        obs, _ = env.reset(seed=0)
        env.action_space.seed(0)
        for t in range(300):
            action = env.action_space.sample()
            next_obs, reward, terminated, truncated, _ = env.step(action)
            buffer.add(obs, action, reward, next_obs, terminated, truncated)
            obs = next_obs
            if terminated or t % 100 == 3:
                obs, _ = env.reset()
                if tells:
                    buffer.end_episode()
        found = [(f.kind, f.index) for f in sw.diagnose(buffer)]
        assert found == ([] if tells else [("broken_episode", (3, 103, 203))])


def bounded(**options: Any) -> sw.ReplayBuffer:
    space = gym.spaces.Dict(
        level=gym.spaces.Discrete(5, start=-2), at=gym.spaces.Box(-1, 1, (2,), np.float32)
    )
    buffer = sw.ReplayBuffer(
        100, observation_space=space, action_space=gym.spaces.Discrete(4), seed=0, **options
    )
    rng = np.random.default_rng(0)
    for _ in range(50):
        obs = {"at": rng.uniform(-1, 1, 2).astype("float32"), "level": rng.integers(-2, 3)}
        buffer.add(obs, rng.integers(4), 1.0, obs, True, False)
    return buffer


def test_values_outside_their_space_are_found() -> None:
    good = {"at": np.zeros(2, "float32"), "level": 2}
    assert list(sw.diagnose(bounded())) == []
    for obs, action, next_obs, expected in [
        (good | {"at": np.array([0, 1.5], "float32")}, 0, good, "obs['at']"),
        (good | {"level": 3}, 0, good, "obs['level']"),
        (good | {"level": -3}, 0, good, "obs['level']"),
        (good, 4, good, "action"),
        (good, -1, good, "action"),
        (good, 0, good | {"at": np.array([-2, 0], "float32")}, "next_obs['at']"),
    ]:
        buffer = bounded()
        buffer.add(obs, action, 1.0, next_obs, True, False)
        found = sw.diagnose(buffer)
        assert [(f.kind, f.count, f.index) for f in found] == [("out_of_bounds", 1, (50,))]
        assert found[0].message.startswith(f"{expected} lies outside")


def test_a_copy_knows_the_bounds_and_a_loaded_buffer_is_told_them(tmp_path) -> None:
    buffer = bounded()
    buffer.add({"at": np.zeros(2, "float32"), "level": 0}, 4, 1.0,
               {"at": np.zeros(2, "float32"), "level": 0}, True, False)  # fmt: skip
    assert kinds(sw.diagnose(pickle.loads(pickle.dumps(buffer)))) == ["out_of_bounds"]
    buffer.save(tmp_path)
    loaded = sw.ReplayBuffer.load(tmp_path)
    assert kinds(sw.diagnose(loaded)) == []
    action_space = gym.spaces.Discrete(4)
    assert kinds(sw.diagnose(loaded, action_space=action_space)) == ["out_of_bounds"]


@pytest.mark.parametrize(
    ("space", "low", "high"),
    [
        (gym.spaces.Discrete(3, start=5), 5, 7),
        (gym.spaces.MultiDiscrete([3, 2]), [0, 0], [2, 1]),
        (gym.spaces.MultiDiscrete([3, 2], start=[1, -1]), [1, -1], [3, 0]),
        (gym.spaces.MultiBinary(2), [0, 0], [1, 1]),
        (gym.spaces.Box(-1, 2, (1,), np.float32), [-1], [2]),
    ],
)
def test_the_bounds_of_each_space(space, low, high) -> None:
    from sharpwave._bounds import bounds_of

    found = bounds_of((space,), "obs")
    assert list(found) == ["obs[0]"]
    np.testing.assert_array_equal(found["obs[0]"][0], low)
    np.testing.assert_array_equal(found["obs[0]"][1], high)


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Box(0, 255, (2,), np.uint8),
        gym.spaces.Box(-np.inf, np.inf, (2,), np.float64),
        gym.spaces.Box(0, 1, (2,), bool),
    ],
)
def test_spaces_that_hold_every_value_have_no_bounds(space) -> None:
    from sharpwave._bounds import bounds_of

    assert bounds_of(space, "obs") == {}
