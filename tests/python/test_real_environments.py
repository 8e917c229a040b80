"""Streams of ALE's and EnvPool's own vector environments, held against plain records of them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

import sharpwave as sw

Row = tuple[bytes, int, float, bytes, bool, bool]
pytestmark = pytest.mark.filterwarnings("ignore")  # theirs


def ale(mode: str, **options):
    """Pong without chance: an episode is a function of its actions. Ends come every 12 steps or so."""
    vector = pytest.importorskip("ale_py.vector_env")
    modes = pytest.importorskip("gymnasium").vector.AutoresetMode
    return vector.AtariVectorEnv(
        "pong", autoreset_mode=modes(mode), noop_max=0, use_fire_reset=False,
        repeat_action_probability=0.0, max_num_frames_per_episode=50, **options,
    )  # fmt: skip


def policy(env: int, step: int) -> int:
    return (env + step * step) % 6


def stored(buffer: sw.ReplayBuffer) -> dict[int, list[Row]]:
    """The rows of each environment, in order."""
    index = buffer._listing()[0]
    rows = buffer.rows(index, n_step=1)
    found = defaultdict(list)
    for i, name in enumerate(index):
        found[int(name) % buffer.num_envs].append(
            row(rows.obs[i], rows.action[i], rows.reward[i], rows.next_obs[i],
                rows.terminated[i], rows.truncated[i])
        )  # fmt: skip
    return found


def row(obs, action, reward, next_obs, terminated, truncated) -> Row:
    ends = bool(terminated), bool(truncated)
    return (obs.tobytes(), int(action), float(reward), next_obs.tobytes(), *ends)


def run(env, buffer: sw.ReplayBuffer, steps: int) -> None:
    """One step of all environments at a time, actions by the episode's own step."""
    obs, _ = env.reset(seed=0)
    at = np.zeros(env.num_envs, int)
    was_end = np.zeros(env.num_envs, bool)
    for _ in range(steps):
        action = np.array([policy(i, at[i]) for i in range(env.num_envs)])
        next_obs, reward, terminated, truncated, info = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated, truncated, info)
        ended = terminated | truncated
        at += 1
        at[was_end if buffer.autoreset == "next_step" else ended] = 0
        was_end = ended
        obs = next_obs.copy()


def test_ale_gives_the_same_transitions_in_both_of_its_modes() -> None:
    rows = {}
    for mode in ("SameStep", "NextStep"):
        env = ale(mode, num_envs=3)
        buffer = sw.ReplayBuffer.for_env(env, 3 * 100, seed=0, frame_stack=4)
        assert (buffer.num_envs, buffer.autoreset) == (
            3,
            {"SameStep": "same_step", "NextStep": "next_step"}[mode],
        )
        run(env, buffer, 60)
        rows[mode] = stored(buffer)
        env.close()
    for env_id in range(3):
        same, following = rows["SameStep"][env_id], rows["NextStep"][env_id]
        assert len(same) == 60
        assert 50 < len(following) < 60  # resets are no transitions
        assert same[: len(following)] == following
        ends = [i for i, each in enumerate(following[:-1]) if each[4] or each[5]]
        assert len(ends) >= 3
        assert all(following[i][3] != following[i + 1][0] for i in ends)


def test_ale_some_environments_at_a_time() -> None:
    whole = ale("NextStep", num_envs=4)
    expected = sw.ReplayBuffer.for_env(whole, 400, seed=0)
    run(whole, expected, 60)
    whole.close()

    env = ale("NextStep", num_envs=4, batch_size=2)
    buffer = sw.ReplayBuffer.for_env(env, 4 * 2000, seed=0)
    last: dict[int, tuple[np.ndarray, int]] = {}
    at, was_end = np.zeros(4, int), np.zeros(4, bool)
    obs, info = env.reset(seed=0)
    reward = terminated = truncated = np.zeros(2, bool)
    stepped = np.zeros(4, int)
    while stepped.min() < 40:  # how often each environment comes is the scheduler's whim
        assert stepped.sum() < 8000
        ids = info["env_id"]
        known = np.array([int(i) in last for i in ids])
        if known.any():
            before = np.stack([last[int(i)][0] for i in ids[known]])
            actions = np.array([last[int(i)][1] for i in ids[known]])
            buffer.add(
                before, actions, reward[known], obs[known], terminated[known], truncated[known],
                info, env_ids=ids[known],
            )  # fmt: skip
            at[ids[known]] = np.where(was_end[ids[known]], 0, at[ids[known]] + 1)
            was_end[ids[known]] = (terminated | truncated)[known]
            stepped[ids[known]] += 1
        action = np.array([policy(int(i), at[i]) for i in ids])
        last |= {int(i): (obs[k].copy(), int(action[k])) for k, i in enumerate(ids)}
        env.send(action)
        obs, reward, terminated, truncated, info = env.recv()
    env.close()
    found, truth = stored(buffer), stored(expected)
    for env_id in range(4):
        both = min(len(found[env_id]), len(truth[env_id]))
        assert both > 30
        assert found[env_id][:both] == truth[env_id][:both]
    assert any(each[4] or each[5] for rows in found.values() for each in rows)


@pytest.mark.parametrize("batch_size", [None, 2])
def test_envpool_rows_with_no_elapsed_step_are_no_transitions(batch_size) -> None:
    envpool = pytest.importorskip("envpool")
    options = {} if batch_size is None else {"batch_size": batch_size}
    env = envpool.make("CartPole-v1", "gymnasium", num_envs=5, seed=3, **options)
    buffer = sw.ReplayBuffer.for_env(env, 5 * 200, num_envs=5, seed=0)
    assert buffer.autoreset == "next_step"
    truth: dict[int, list[Row]] = defaultdict(list)
    last: dict[int, tuple[np.ndarray, int]] = {}
    rng = np.random.default_rng(0)
    env.async_reset()
    for _ in range(300):
        obs, reward, terminated, truncated, info = env.recv()
        ids = info["env_id"]
        known = np.array([int(i) in last for i in ids])
        if known.any():
            before = np.stack([last[int(i)][0] for i in ids[known]])
            actions = np.array([last[int(i)][1] for i in ids[known]])
            buffer.add(
                before, actions, reward[known], obs[known], terminated[known], truncated[known],
                info, env_ids=ids[known],
            )  # fmt: skip
        for k, i in enumerate(map(int, ids)):
            if info["elapsed_step"][k] != 0:
                truth[i].append(
                    row(*last[i], np.float32(reward[k]), obs[k], terminated[k], truncated[k])
                )
        action = rng.integers(0, 2, len(ids))
        last |= {int(i): (obs[k].copy(), int(action[k])) for k, i in enumerate(ids)}
        env.send(action, ids)
    env.close()
    found = stored(buffer)
    assert sum(each[4] for rows in truth.values() for each in rows) > 15
    for i in range(5):
        assert found[i] == truth[i][-200:]
