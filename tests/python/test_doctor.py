"""diagnose(): each fault is found where it was planted, and nothing where there is none."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import NUMBER, SCALAR, numbered, numbered_buffer
from model import leaves, same_bits
from pair import Pair
from setups import random_setup

import sharpwave as sw


def walk(steps: int, num_envs: int = 1, length: int = 17, seed: int = 0) -> dict[str, Any]:
    """A clean stream of a random walk, for extend(): arrays of shape (steps, num_envs)."""
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(steps, num_envs)).cumsum(axis=0).astype("float32")
    next_obs = (obs + rng.normal(size=obs.shape)).astype("float32")
    t = np.arange(steps)[:, None] + 5 * np.arange(num_envs)
    terminated, truncated = t % length == length - 1, t % (3 * length) == 11
    ends = terminated | truncated
    for env in range(num_envs):
        for at in range(steps - 1):
            if not ends[at, env]:
                next_obs[at, env] = obs[at + 1, env]
    return {
        "obs": obs,
        "action": rng.integers(0, 4, obs.shape),
        "reward": rng.normal(size=obs.shape),
        "next_obs": next_obs,
        "terminated": terminated,
        "truncated": truncated,
    }


def stored(steps: dict[str, Any], **options: Any) -> sw.ReplayBuffer:
    count, num_envs = steps["obs"].shape[:2]
    options.setdefault("capacity", 2 * count * num_envs)
    options.setdefault("observation_space", SCALAR)
    buffer = sw.ReplayBuffer(action_space=NUMBER, num_envs=num_envs, seed=0, **options)
    buffer.extend(**steps)
    return buffer


def kinds(diagnosis: sw.Diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"n_step": 5},
    {"capacity": 332},
    {"sampler": sw.Prioritized()},
    {"insertion": sw.Reservoir()},
    {"capacity": 4},
]


@pytest.mark.parametrize("num_envs", [1, 4])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_nothing_is_found_in_a_clean_stream(options, num_envs) -> None:
    diagnosis = sw.diagnose(stored(walk(500, num_envs), **options))
    assert list(diagnosis) == []
    assert not diagnosis
    assert diagnosis.transitions == min(options.get("capacity", 4000), 500 * num_envs)


def test_nothing_is_found_in_nothing() -> None:
    assert str(sw.diagnose(numbered_buffer(8))) == (
        "0 transitions were looked at, and nothing was found."
    )


@pytest.mark.parametrize("n_step", [1, 4])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_an_episode_that_breaks_off_is_found(n_step, num_envs) -> None:
    steps = walk(200, num_envs)
    steps["next_obs"][[20, 41], -1] += 1
    found = sw.diagnose(stored(steps, n_step=n_step))
    assert kinds(found) == ["broken_episode"]
    assert found[0].count == 2
    assert found[0].index == (20 * num_envs + num_envs - 1, 41 * num_envs + num_envs - 1)
    assert "end_episode()" in found[0].message


def test_one_bit_is_enough() -> None:
    steps = walk(200)
    steps["next_obs"].view("uint32")[51, 0] ^= 1
    assert sw.diagnose(stored(steps))[0].index == (51,)


def test_a_cut_is_no_break() -> None:
    first, second = walk(50, seed=1), walk(50, seed=2)
    buffer = stored(first, capacity=1000)
    buffer.end_episode()
    buffer.extend(**second)
    assert list(sw.diagnose(buffer)) == []
    buffer = stored(first, capacity=1000)
    buffer.extend(**second)
    assert (kinds(sw.diagnose(buffer)), sw.diagnose(buffer)[0].index) == (["broken_episode"], (49,))


def test_where_the_ring_wraps_nothing_breaks_and_breaks_are_named_rightly() -> None:
    steps = walk(500)
    steps["next_obs"][400] += 1
    found = sw.diagnose(stored(steps, capacity=150))
    assert [(f.kind, f.count, f.index) for f in found] == [("broken_episode", 1, (400,))]


def plant(name: str, value: float) -> dict[str, Any]:
    steps = walk(300)
    steps[name][[7, 150]] = value
    if name == "obs":
        steps["next_obs"][[6, 149]] = value
    return steps


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("options", [{}, {"n_step": 3}, {"insertion": sw.Reservoir()}], ids=str)
@pytest.mark.parametrize("name", ["obs", "reward"])
def test_values_that_are_not_finite_are_found(name, options, value) -> None:
    diagnosis = sw.diagnose(stored(plant(name, value), **options))
    found = [f for f in diagnosis if f.message.startswith(f"{name} is NaN")]
    assert [(f.kind, f.count) for f in found] == [("not_finite", 2)]
    assert sorted(found[0].index) == [7, 150]


def test_a_final_observation_that_is_not_finite_is_found_in_next_obs() -> None:
    steps = walk(300)
    steps["next_obs"][16] = np.nan  # the walk's first end is 11, its second 16
    found = sw.diagnose(stored(steps))
    assert [(f.kind, f.count, f.index) for f in found] == [("not_finite", 1, (16,))]
    assert found[0].message.startswith("next_obs is NaN")


def test_actions_and_extra_fields_are_looked_at_too() -> None:
    steps = walk(300)
    steps["action"] = np.random.default_rng(0).normal(size=(300, 1, 2)).astype("float32")
    steps["log_prob"] = np.random.default_rng(1).normal(size=(300, 1))
    steps["action"][9, 0, 1] = np.inf
    steps["log_prob"][8] = np.nan
    buffer = sw.ReplayBuffer(
        300,
        observation_space=SCALAR,
        action_space=sw.Field((2,)),
        extra_fields={"log_prob": sw.Field((), "float64")},
    )
    buffer.extend(**steps)
    found = {f.message.split()[0]: f for f in sw.diagnose(buffer)}
    assert {name: (f.kind, f.index) for name, f in found.items()} == {
        "action": ("not_finite", (9,)), "log_prob": ("not_finite", (8,)),
    }  # fmt: skip


def test_fields_that_never_change_are_found_by_name() -> None:
    steps = walk(300)
    steps["action"][:] = 3
    obs = {"walk": steps["obs"], "goal": np.full((300, 1, 2), 7.0, "float32")}
    steps["next_obs"] = obs | {"walk": steps["next_obs"]}
    steps["obs"] = obs
    buffer = sw.ReplayBuffer(
        300, observation_space={"walk": SCALAR, "goal": sw.Field((2,))}, action_space=NUMBER
    )
    buffer.extend(**steps)
    found = sw.diagnose(buffer)
    assert [(f.kind, f.message.split()[0], f.count) for f in found] == [
        ("constant", "obs['goal']", 300), ("constant", "action", 300),
    ]  # fmt: skip


def test_what_few_rows_have_in_common_is_chance() -> None:
    steps = walk(99)
    steps["action"][:] = 3
    steps["reward"][:] = 0
    assert list(sw.diagnose(stored(steps))) == []


def test_rewards_that_are_all_zero_are_found_and_a_single_other_one_is_enough() -> None:
    steps = walk(300)
    steps["reward"][:] = 0
    assert kinds(sw.diagnose(stored(steps))) == ["zero_reward"]
    assert kinds(sw.diagnose(stored(steps, n_step=3))) == ["zero_reward"]
    steps["reward"][299] = 1e-30
    assert list(sw.diagnose(stored(steps))) == []


def test_a_constant_reward_that_is_not_zero_is_left_in_peace() -> None:
    steps = walk(300)
    steps["reward"][:] = 1
    assert list(sw.diagnose(stored(steps))) == []


def test_streams_without_terminations() -> None:
    steps = walk(600)
    steps["truncated"] |= steps["terminated"]
    steps["terminated"][:] = False
    found = sw.diagnose(stored(steps))
    assert [(f.kind, f.count) for f in found] == [("never_terminated", steps["truncated"].sum())]
    few = {name: column[:100] for name, column in steps.items()}
    assert list(sw.diagnose(stored(few))) == []  # fewer than ten ends


def test_streams_without_any_end() -> None:
    t = np.arange(10_000)
    buffer = numbered_buffer(20_000)
    buffer.extend(**numbered(t[:-1]))
    assert list(sw.diagnose(buffer)) == []
    buffer.add(**numbered(t[-1]))
    assert [(f.kind, f.count) for f in sw.diagnose(buffer)] == [("endless_episode", 10_000)]
    buffer.end_episode()
    assert list(sw.diagnose(buffer)) == []


def test_an_array_that_the_environment_fills_again_is_found() -> None:
    """With autoreset="same_step" info holds the array that the next episode's obs is in."""
    rng = np.random.default_rng(0)
    buffer = sw.ReplayBuffer(
        1000, observation_space=sw.Field((3,)), action_space=NUMBER, autoreset="same_step"
    )
    obs = rng.normal(size=3).astype("float32")
    for t in range(200):
        ended = t % 10 == 9
        next_obs = obs + rng.normal(size=3).astype("float32") * 0.1
        if ended:
            next_obs = rng.normal(size=3).astype("float32")
        info = {"final_obs": next_obs[None]} if ended else {}
        buffer.add(obs[None], [t % 3], [1.0], next_obs[None], [ended], [False], info)
        obs = next_obs
    found = sw.diagnose(buffer)
    assert [(f.kind, f.count, f.index[:2]) for f in found] == [("final_obs", 19, (9, 19))]
    assert "copy" in found[0].message


def test_an_obs_that_outlives_a_reset_is_found() -> None:
    """Obs = next_obs, and what env.reset() returned is thrown away."""
    rng = np.random.default_rng(0)
    obs, steps = np.zeros(1, "float32"), []
    for t in range(300):
        is_first = t % 20 == 0
        at = np.zeros(1, "float32") if is_first else obs
        next_obs = at + rng.normal(size=1).astype("float32") + 1
        steps.append((obs, next_obs, t % 20 == 19))
        obs = next_obs
    buffer = sw.ReplayBuffer(400, observation_space=sw.Field((1,)), action_space=NUMBER)
    for obs, next_obs, ended in steps:
        buffer.add(obs, int(rng.integers(3)), 1.0, next_obs, ended, False)
    found = sw.diagnose(buffer)
    assert [(f.kind, f.count, f.index[:2]) for f in found] == [("stale_obs", 14, (20, 40))]


def test_a_constant_observation_has_no_seams() -> None:
    """As in a bandit: every episode begins where the last one ended."""
    steps = walk(300)
    steps["obs"][:] = steps["next_obs"][:] = 1
    assert kinds(sw.diagnose(stored(steps))) == ["constant"]


def test_a_few_ends_that_meet_by_chance_are_left_in_peace() -> None:
    steps = walk(300)
    ends = np.flatnonzero(steps["terminated"] | steps["truncated"])[:-1]
    meet = ends[: len(ends) // 2 - 1]
    steps["next_obs"][meet] = steps["obs"][meet + 1]
    assert list(sw.diagnose(stored(steps))) == []
    steps["next_obs"][ends] = steps["obs"][ends + 1]
    assert kinds(sw.diagnose(stored(steps))) != []


def test_stacks_and_nests_are_looked_through() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (204, 5, 5)).astype("uint8")
    stacks = np.stack([frames[t : t + 4] for t in range(201)])
    speed = rng.normal(size=201).astype("float32")
    speed[30] = np.nan
    obs = (stacks, {"speed": speed})
    buffer = sw.ReplayBuffer(
        300,
        observation_space=(sw.Field((4, 5, 5), "uint8"), {"speed": SCALAR}),
        action_space=NUMBER,
        frame_stack=4,
        n_step=3,
    )
    ends = np.zeros(200, bool)
    ends[[60, 120]] = True
    args = [(a[:-1], {"speed": d["speed"][:-1]}) for a, d in [obs]]
    after = (stacks[1:].copy(), {"speed": speed[1:].copy()})
    after[0][[60, 120]] += 1
    after[0][90] += 1
    buffer.extend(args[0], rng.integers(0, 3, 200), rng.normal(size=200), after, ends, ~ends & ends)
    found = sw.diagnose(buffer)
    assert [(f.kind, f.index) for f in found] == [("broken_episode", (90,)), ("not_finite", (30,))]
    assert found[1].message.startswith("obs[1]['speed'] is NaN")


def test_large_rows_are_looked_at_a_few_at_a_time() -> None:
    """More rows than are read at once: indices of every part, and no break where parts meet."""
    steps = walk(120_000, length=400)
    for t in (0, 65_535, 65_536, 119_999):
        steps["reward"][t] = np.inf
    found = sw.diagnose(stored(steps))
    assert [(f.kind, f.count) for f in found] == [("not_finite", 4)]
    assert found[0].index == (0, 65_535, 65_536, 119_999)


@pytest.mark.parametrize("seed", range(20))
def test_it_survives_unpleasant_streams_and_agrees_with_the_model_on_breaks(seed) -> None:
    rng = np.random.default_rng([12, seed])
    pair = Pair(rng, random_setup(rng, None))
    for _ in range(30):
        pair.extend(int(rng.integers(10)))
        pair.add()
        if rng.random() < 0.1:
            pair.end_episode()
    found = {f.kind: f for f in sw.diagnose(pair.buffer)}
    expected = [] if pair.setup.reservoir else breaks(pair)
    assert (found["broken_episode"].count if "broken_episode" in found else 0) == len(expected)
    if expected:
        assert found["broken_episode"].index == tuple(expected[:5])


def breaks(pair: Pair) -> list[int]:
    found = []
    for rows in pair.model.kept:
        for row, behind in pairwise(rows):
            left, right = leaves(row.columns["next_obs"]), leaves(behind.columns["obs"])
            same = all(same_bits(a, b) for (_, a), (_, b) in zip(left, right, strict=True))
            if not row.ends and not same:
                found.append(row.index)
    return found


def test_it_leaves_the_buffer_as_it_was() -> None:
    buffers = [stored(walk(300), n_step=4, sampler=sw.WithoutReplacement()) for _ in range(2)]
    sw.diagnose(buffers[0])
    assert buffers[0].n_step == 4
    for _ in range(5):
        one, other = (buffer.sample(77) for buffer in buffers)
        for name in ("index", "reward", "next_obs"):
            np.testing.assert_array_equal(one[name], other[name])


def test_the_letter_says_what_where_and_what_to_do() -> None:
    steps = walk(300)
    steps["next_obs"][[20, 40, 60, 80, 100, 120]] += 1
    letter = str(sw.diagnose(stored(steps)))
    assert letter.startswith("300 transitions were looked at. This was found:\n\n1. The next row's")
    assert "call buffer.end_episode()" in " ".join(letter.split())
    assert "[broken_episode: 6; index 20, 40, 60, 80, 100, ...]" in " ".join(letter.split())
    assert max(len(line) for line in letter.splitlines()) <= 88


def test_a_diagnosis_is_a_sequence_of_findings_that_do_not_change() -> None:
    steps = walk(300)
    steps["reward"][5] = np.nan
    found = sw.diagnose(stored(steps))
    assert len(found) == 1
    assert found[:1] == (found[0],)
    assert found[0] in found
    assert sw.diagnose(stored(steps)) == found
    with pytest.raises(AttributeError):
        found[0].count = 3
    assert stored(steps).rows(found[0].index).index.tolist() == [5]


class Busy(sw.ReplayBuffer):
    """One in which rows are overwritten while somebody looks through it."""

    def rows(self, index: Any, n_step: int | None = None) -> sw.Batch:
        if 100 in np.asarray(index):
            self.extend(**walk(120))
        return super().rows(index, n_step)


def test_rows_that_are_overwritten_meanwhile_are_left_out() -> None:
    buffer = Busy(200, observation_space=SCALAR, action_space=NUMBER)
    steps = walk(200)
    steps["reward"][[3, 119, 120]] = np.nan
    buffer.extend(**steps)
    found = sw.diagnose(buffer)
    # Row 0 alone is read first, to see how large rows are; then 1 to 119 went.
    assert [(f.kind, f.index) for f in found] == [("not_finite", (120,))]


def test_another_error_of_rows_is_not_swallowed(monkeypatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("no")

    monkeypatch.setattr(sw.ReplayBuffer, "rows", refuse)
    with pytest.raises(ValueError, match="no"):
        sw.diagnose(stored(walk(10)))
