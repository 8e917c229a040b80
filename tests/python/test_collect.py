"""Every transition is stored once, as it was, in each of Gymnasium's autoreset modes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from counting_env import CountingEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv

pytest.importorskip("torch")

import sharpwave as sw
from sharpwave.agents import DQN, DQNConfig
from sharpwave.training.collect import SingleCollector, VectorCollector, collector

FIRST = [(0, 1, 0), (1, 2, 0), (2, 3, 1), (100, 101, 0), (101, 102, 0), (102, 103, 1)]
SECOND = [
    (10_000, 10_001, 0),
    (10_001, 10_002, 2),
    (10_100, 10_101, 0),
    (10_101, 10_102, 2),
    (10_200, 10_201, 0),
    (10_201, 10_202, 2),
    (10_300, 10_301, 0),
    (10_301, 10_302, 2),
]


class OwnFrames(gymnasium.Wrapper):
    """SyncVectorEnv itself loses the final frame of an environment that reuses its array."""

    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        return obs.copy(), info

    def step(self, action: Any) -> Any:
        obs, *rest = self.env.step(action)
        return obs.copy(), *rest


def two_envs(mode: AutoresetMode) -> SyncVectorEnv:
    """One terminates every 3 steps and counts from 0, one is truncated every 2, from 10000."""
    first = lambda: OwnFrames(CountingEnv(0, 3, "terminated"))  # noqa: E731
    second = lambda: OwnFrames(CountingEnv(10_000, 2, "truncated"))  # noqa: E731
    return SyncVectorEnv([first, second], autoreset_mode=mode)


def collect(env: Any, steps: int) -> tuple[Any, sw.ReplayBuffer, int]:
    buffer = sw.ReplayBuffer.for_env(env, 1000, seed=0)
    spaces = [getattr(env, f"single_{n}", None) or getattr(env, n) for n in SPACES]
    agent = DQN(*spaces, DQNConfig(hidden=(4,), exploration_fraction=0.0, epsilon_end=0.5))
    collecting = collector(env, agent, buffer, seed=0, steps=1000)
    return collecting, buffer, sum(collecting.step(i) for i in range(steps))


SPACES = ("observation_space", "action_space")


def stored(buffer: sw.ReplayBuffer) -> list[list[tuple[int, int, int]]]:
    """For each environment (obs, next_obs, 0 | 1 terminated | 2 truncated), in their order."""
    batch = buffer.sample(4000)
    rows: dict[int, tuple[int, int, int]] = {}
    for i, index in enumerate(batch.index.tolist()):
        end = int(batch.terminated[i]) + 2 * int(batch.truncated[i])
        rows[index] = (int(batch.obs[i, 0]), int(batch.next_obs[i, 0]), end)
    n = buffer.num_envs
    return [[rows[k] for k in sorted(rows) if k % n == env] for env in range(n)]


def test_next_step_the_reset_rows_are_no_transitions() -> None:
    collecting, buffer, count = collect(two_envs(AutoresetMode.NEXT_STEP), 8)
    assert isinstance(collecting, VectorCollector)
    assert (count, len(buffer)) == (12, 12)
    assert stored(buffer) == [FIRST, SECOND[:5] + SECOND[5:6]]


def test_same_step_the_successor_of_an_end_is_the_final_observation() -> None:
    _, buffer, count = collect(two_envs(AutoresetMode.SAME_STEP), 8)
    assert (count, len(buffer)) == (16, 16)
    assert stored(buffer) == [[*FIRST, (200, 201, 0), (201, 202, 0)], SECOND]


def test_disabled_the_collector_resets_what_has_ended() -> None:
    _, buffer, count = collect(two_envs(AutoresetMode.DISABLED), 8)
    assert (count, len(buffer)) == (16, 16)
    assert stored(buffer) == [[*FIRST, (200, 201, 0), (201, 202, 0)], SECOND]


@pytest.mark.parametrize("mode", AutoresetMode)
def test_returns_and_lengths_are_of_the_transitions_in_every_mode(mode) -> None:
    collecting, _, _ = collect(two_envs(mode), 8)
    episodes = collecting.episodes.take()
    assert {(36.0, 3), (23.0, 2)} == {
        (e.total, e.length) for e in episodes
    }  # 11 + 12 + 13, 11 + 12
    assert collecting.episodes.count == len(episodes)
    assert collecting.episodes.take() == []


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_a_single_environment_that_reuses_its_array_is_stored_as_it_was(end) -> None:
    collecting, buffer, count = collect(CountingEnv(0, 3, end), 7)
    assert isinstance(collecting, SingleCollector)
    assert (count, len(buffer)) == (7, 7)
    code = 1 if end == "terminated" else 2
    expected = [(o, n, code if e else 0) for o, n, e in FIRST]
    assert stored(buffer) == [[*expected, (200, 201, 0)]]
    assert list(collecting.episodes.recent) == [36.0, 36.0]


def test_next_step_environments_that_reuse_their_array_are_stored_as_they_were() -> None:
    env = SyncVectorEnv([lambda: CountingEnv(0, 3)] * 2)
    _, buffer, _ = collect(env, 8)
    assert stored(buffer) == [FIRST, FIRST]


def test_every_environment_has_a_seed_of_its_own() -> None:
    seeds: list[int] = []

    class Seeded(CountingEnv):
        def reset(self, *, seed: int | None = None, **options: Any) -> Any:
            seeds.append(seed)
            return super().reset(**options)

    collect(SyncVectorEnv([Seeded] * 3), 1)
    assert len(set(seeds)) == 3


def test_actions_are_stored_as_the_environment_got_them() -> None:
    taken: list[int] = []

    class Watched(CountingEnv):
        def step(self, action: Any) -> Any:
            taken.append(int(action))
            return super().step(action)

    env = Watched(0, 1000)
    env.action_space = gymnasium.spaces.Discrete(5, start=-2)
    _, buffer, _ = collect(env, 100)
    assert set(taken) == {-2, -1, 0, 1, 2}
    assert buffer["action"].tolist() == taken
    np.testing.assert_array_equal(buffer["obs"][:, 0], np.arange(100))
