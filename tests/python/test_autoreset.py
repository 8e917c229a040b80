"""Which rows are transitions, judged by Gymnasium's own vector environments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import NUMBER, draw_all, numbered, numbered_buffer

import sharpwave as sw

gymnasium = pytest.importorskip("gymnasium")
from counting_env import CountingEnv  # noqa: E402  (needs Gymnasium)

# Environment 0 terminates every third step, environment 1 is truncated every second; eight steps.
NEXT_STEP = (
    "0>1 1>2 2>3T 100>101 101>102 102>103T",
    "10000>10001 10001>10002t 10100>10101 10101>10102t 10200>10201 10201>10202t",
)
EVERY_STEP = (
    NEXT_STEP[0] + " 200>201 201>202",
    NEXT_STEP[1] + " 10300>10301 10301>10302t",
)
EXPECTED = {"next_step": NEXT_STEP, "same_step": EVERY_STEP, "disabled": EVERY_STEP}


def vector_env(mode: str, as_dict: bool = False, copy: bool = True) -> Any:
    """Plain environments return fresh arrays here: with SAME_STEP Gymnasium keeps no copy."""
    makers = [
        lambda: Fresh(CountingEnv(0, 3, "terminated", as_dict)),
        lambda: Fresh(CountingEnv(10000, 2, "truncated", as_dict)),
    ]
    names = {"next_step": "NextStep", "same_step": "SameStep", "disabled": "Disabled"}
    autoreset = gymnasium.vector.AutoresetMode(names[mode])
    return gymnasium.vector.SyncVectorEnv(makers, copy=copy, autoreset_mode=autoreset)


class Fresh(gymnasium.ObservationWrapper):
    def observation(self, observation: Any) -> Any:
        if isinstance(observation, dict):
            return {key: value.copy() for key, value in observation.items()}
        return observation.copy()


def collect(env: Any, buffer: sw.ReplayBuffer, mode: str, steps: int = 8) -> None:
    obs, _ = env.reset()
    for _ in range(steps):
        obs = copied(obs)
        action = np.zeros(env.num_envs, int)
        next_obs, reward, terminated, truncated, info = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated, truncated, info)
        ended = terminated | truncated
        if mode == "disabled" and ended.any():
            next_obs, _ = env.reset(options={"reset_mask": ended})
        obs = next_obs


def copied(obs: Any) -> Any:
    return {k: v.copy() for k, v in obs.items()} if isinstance(obs, dict) else obs.copy()


def traces(buffer: sw.ReplayBuffer) -> tuple[str, ...]:
    """Each environment's transitions in order, written as obs>next_obs and the kind of end."""
    words: list[list[str]] = [[] for _ in range(buffer.num_envs)]
    for index, row in sorted(draw_all(buffer).items()):
        obs, after = (o["n"] if isinstance(o, dict) else o for o in (row["obs"], row["next_obs"]))
        assert row["reward"] == 10 + after[0] % 100
        end = "T" * bool(row["terminated"]) + "t" * bool(row["truncated"])
        words[index % buffer.num_envs].append(f"{obs[0]:.0f}>{after[0]:.0f}{end}")
    return tuple(" ".join(line) for line in words)


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("mode", EXPECTED)
def test_the_transitions_of_a_vector_environment(mode, as_dict, copy) -> None:
    env = vector_env(mode, as_dict, copy)
    buffer = sw.ReplayBuffer.for_env(env, 100)
    assert (buffer.num_envs, buffer.capacity) == (2, 100)
    collect(env, buffer, mode)
    assert traces(buffer) == EXPECTED[mode]
    assert len(buffer) == {"next_step": 12, "same_step": 16, "disabled": 16}[mode]


@pytest.mark.parametrize("mode", EXPECTED)
def test_the_mode_given_by_hand_is_the_mode_read_off(mode) -> None:
    env = vector_env(mode)
    buffer = sw.ReplayBuffer(
        100,
        observation_space=env.single_observation_space,
        action_space=env.single_action_space,
        num_envs=2,
        autoreset=mode,
    )
    collect(env, buffer, mode)
    assert traces(buffer) == EXPECTED[mode]


def test_a_vector_of_one_environment() -> None:
    env = gymnasium.vector.SyncVectorEnv([lambda: Fresh(CountingEnv(0, 3))])
    buffer = sw.ReplayBuffer.for_env(env, 100)
    collect(env, buffer, "next_step")
    assert traces(buffer) == NEXT_STEP[:1]


def test_a_single_environment_that_returns_one_array_for_ever() -> None:
    env = CountingEnv(0, 3)
    buffer = sw.ReplayBuffer.for_env(env, 100, seed=3)
    assert (buffer.num_envs, buffer.seed) == (1, 3)
    obs, _ = env.reset()
    for _ in range(8):
        obs = obs.copy()
        next_obs, reward, terminated, truncated, info = env.step(0)
        buffer.add(obs, 0, reward, next_obs, terminated, truncated, info)
        obs = env.reset()[0] if terminated or truncated else next_obs
    assert traces(buffer) == EVERY_STEP[:1]


def test_a_reset_by_hand_is_not_followed_by_a_reset_row() -> None:
    env = gymnasium.vector.SyncVectorEnv([lambda: Fresh(CountingEnv(0, 3))])
    buffer = sw.ReplayBuffer.for_env(env, 100)
    collect(env, buffer, "next_step", steps=3)  # the third step ends the episode
    buffer.end_episode()
    collect(env, buffer, "next_step", steps=2)  # resets first
    assert traces(buffer) == ("0>1 1>2 2>3T 100>101 101>102",)


def test_for_env_passes_its_arguments_on() -> None:
    fields = {"log_prob": sw.Field((), "float32")}
    buffer = sw.ReplayBuffer.for_env(
        CountingEnv(), 10, sampler=sw.Uniform(), extra_fields=fields, seed=1
    )
    buffer.add([0.0], 0, 0.0, [1.0], False, False, log_prob=-1.0)
    assert buffer.sample(2).log_prob.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("mode", ["sometimes", 3, "NEXTSTEP "])
def test_a_mode_that_is_not_known_is_refused_never_guessed(mode) -> None:
    with pytest.raises(ValueError, match="next_step"):
        numbered_buffer(10, autoreset=mode)
    env = vector_env("next_step")
    env.metadata = {**env.metadata, "autoreset_mode": mode}
    with pytest.raises(ValueError, match="next_step"):
        sw.ReplayBuffer.for_env(env, 10)


class TestNextStep:
    def test_each_environment_skips_for_itself(self) -> None:
        buffer = numbered_buffer(20, num_envs=2, autoreset="next_step")
        buffer.add(**(numbered([0, 100]) | {"terminated": np.array([True, False])}))
        buffer.add(**numbered([1, 101]))
        buffer.add(**numbered([102]), env_ids=[1])
        buffer.add(**(numbered([103, 2]) | {"truncated": np.array([True, False])}), env_ids=[1, 0])
        buffer.add(**numbered([3, 104]))
        assert traces_of(buffer) == {0: [0, 2, 3], 1: [100, 101, 102, 103]}

    def test_extend_skips_as_add_does(self) -> None:
        ends = np.array([False, True, False, False, True, False, True])
        one_by_one, at_once = (numbered_buffer(20, autoreset="next_step") for _ in range(2))
        steps = numbered(np.arange(7)) | {"truncated": ends}
        for t in range(7):
            one_by_one.add(**{name: column[t] for name, column in steps.items()})
        at_once.extend(**{name: column[:5] for name, column in steps.items()})
        at_once.extend(**{name: column[5:] for name, column in steps.items()})
        assert traces_of(one_by_one) == traces_of(at_once) == {0: [0, 1, 3, 4, 6]}

    def test_clear_and_end_episode_forget_that_a_reset_is_due(self) -> None:
        buffer = numbered_buffer(20, num_envs=2, autoreset="next_step")
        ended = numbered([0, 100]) | {"terminated": np.array([True, True])}
        buffer.add(**ended)
        buffer.end_episode([1])
        buffer.add(**numbered([1, 101]))
        assert traces_of(buffer) == {0: [0], 1: [100, 101]}
        buffer.add(**ended)
        buffer.clear()
        buffer.add(**numbered([2, 102]))
        assert traces_of(buffer) == {0: [2], 1: [102]}


def traces_of(buffer: sw.ReplayBuffer) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {env: [] for env in range(buffer.num_envs)}
    for index, row in sorted(draw_all(buffer).items()):
        found[index % buffer.num_envs].append(float(row["obs"]))
    return found


class TestSameStep:
    """Where the true successor of an ended row is looked for."""

    def buffer(self, num_envs: int = 3, space: Any = None) -> sw.ReplayBuffer:
        return sw.ReplayBuffer(
            30,
            observation_space=space or sw.Field((2,), "float32"),
            action_space=NUMBER,
            num_envs=num_envs,
            autoreset="same_step",
        )

    def step(self, ended: list[bool]) -> tuple[Any, ...]:
        count = len(ended)
        obs = np.zeros((count, 2))
        return obs, np.zeros(count, int), np.zeros(count), obs + 1, np.array(ended), obs[:, 0] > 0

    def successors(self, buffer: sw.ReplayBuffer) -> list[list[float]]:
        return [row["next_obs"].tolist() for _, row in sorted(draw_all(buffer).items())]

    @pytest.mark.parametrize("key", ["final_obs", "final_observation", "terminal_observation"])
    def test_in_an_array_of_objects_under_any_of_its_names(self, key) -> None:
        final = np.array([None, np.array([7.0, 8.0]), None], dtype=object)
        buffer = self.buffer()
        buffer.add(*self.step([False, True, False]), {key: final})
        assert self.successors(buffer) == [[1, 1], [7, 8], [1, 1]]

    def test_in_a_dense_array(self) -> None:
        final = np.arange(6.0).reshape(3, 2) + 10
        buffer = self.buffer()
        buffer.add(*self.step([True, False, True]), {"final_obs": final})
        assert self.successors(buffer) == [[10, 11], [1, 1], [14, 15]]

    @pytest.mark.parametrize("objects", [False, True])
    def test_in_dict_observations(self, objects) -> None:
        space = {"a": sw.Field((2,), "float32"), "b": NUMBER}
        buffer = self.buffer(2, space)
        obs = {"a": np.zeros((2, 2)), "b": np.zeros(2, int)}
        final: Any = {"a": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.array([5, 6])}
        if objects:
            final = np.array([None, {"a": np.array([3.0, 4.0]), "b": 6}], dtype=object)
        zeros = np.zeros(2)
        buffer.add(obs, zeros.astype(int), zeros, obs, zeros > 0, np.array([False, True]),
                   {"final_obs": final})  # fmt: skip
        rows = [row["next_obs"] for _, row in sorted(draw_all(buffer).items())]
        assert [row["a"].tolist() for row in rows] == [[0, 0], [3, 4]]
        assert [int(row["b"]) for row in rows] == [0, 6]

    def test_of_some_environments(self) -> None:
        final = np.array([np.array([7.0, 8.0]), None], dtype=object)
        buffer = self.buffer()
        buffer.add(*self.step([True, False]), {"final_obs": final}, env_ids=[2, 0])
        assert self.successors(buffer) == [[1, 1], [7, 8]]

    def test_info_is_not_read_when_nothing_ended(self) -> None:
        buffer = self.buffer()
        buffer.add(*self.step([False, False, False]))
        buffer.add(*self.step([False, False, False]), {"final_obs": "nonsense"})
        assert len(buffer) == 6

    @pytest.mark.parametrize(
        "info",
        [
            None,
            {},
            {"final_obs": None},
            {"final_obs": np.array([None, None, None], dtype=object)},
            {"final_obs": np.zeros((2, 2))},
            {"final_obs": np.zeros((3, 3))},
            {"final_obs": np.zeros((3, 1))},
            {"final_obs": 1.0},
            {"final_obs": np.array([None, np.zeros(5), None], dtype=object)},
            {"final_obs": np.array([None, np.zeros(1), None], dtype=object)},
            {"final_obs": np.array([None, "final", None], dtype=object)},
            {"final_obs": {"a": np.zeros((3, 2))}},
        ],
    )
    def test_a_final_observation_that_is_missing_or_misshapen_is_an_error(self, info) -> None:
        buffer = self.buffer()
        with pytest.raises((ValueError, KeyError), match="final_obs"):
            buffer.add(*self.step([False, True, False]), info)
        assert len(buffer) == 0

    @pytest.mark.parametrize("value", [300, 2.5, -1])
    def test_a_final_observation_obeys_the_rules_of_the_field(self, value) -> None:
        buffer = self.buffer(1, sw.Field((2,), "uint8"))
        obs = np.zeros((1, 2), "uint8")
        final = np.array([[value, 0]])
        with pytest.raises(ValueError, match=str(value)):
            buffer.add(obs, [0], [0.0], obs, [True], [False], {"final_obs": final})
        assert len(buffer) == 0
        buffer.add(obs, [0], [0.0], obs, [True], [False], {"final_obs": np.array([[7.0, 0.0]])})
        assert self.successors(buffer) == [[7, 0]]

    def test_a_final_observation_keeps_the_precision_of_the_field(self) -> None:
        buffer = self.buffer(1, sw.Field((2,), "float64"))
        final = np.array([[1 / 3, 2 / 3]])
        obs = np.zeros((1, 2), "float32")
        buffer.add(obs, [0], [0.0], obs, [True], [False], {"final_obs": final})
        assert self.successors(buffer) == final.tolist()
