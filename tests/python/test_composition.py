"""What goes with what: the README's table, each pair of features tried on a small buffer.

Every number of a row says which step it is, so that whatever is drawn shows where it is from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sharpwave as sw

README = Path(__file__).resolve().parents[2] / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="needs the source tree")

SAMPLERS: dict[str, Callable[[], Any]] = {
    "prioritized": lambda: sw.Prioritized(alpha=1.0),
    "by rank": sw.RankPrioritized,
    "epochs": sw.WithoutReplacement,
    "recency": lambda: sw.Recency(eta=0.99, min_rows=10, updates=3),
}
STEPS, ROWS, GAMMA = 60, 40, 0.5
EPISODE = 20


def reward_of(achieved: Any, desired: Any, info: Any) -> Any:
    return np.where(achieved[..., 0] == desired[..., 0], 7.0, 1.0)


def leaf_of(on: set[str]) -> sw.Field:
    if "stacks" in on:
        conversion = {"sample_as": "float32", "divisor": 1} if "store less" in on else {}
        return sw.Field((4, 3, 2), "uint8", **conversion)
    return sw.Field((5,), store_as="float16" if "store less" in on else None)


def made(on: set[str]) -> sw.ReplayBuffer:
    envs = 2 if "many envs" in on else 1
    spaces: Any = leaf_of(on)
    if "hindsight" in on:
        goal = sw.Field((1,))
        spaces = {"observation": spaces, "achieved_goal": goal, "desired_goal": goal}
    elif "Dict" in on:
        spaces = {"observation": spaces, "more": sw.Field(())}
    samplers = [SAMPLERS[name]() for name in SAMPLERS if name in on]
    assert len(samplers) <= 1, "a buffer has one sampler"
    return sw.ReplayBuffer(
        ROWS * envs,
        observation_space=spaces,
        action_space=sw.Field((), "int64"),
        num_envs=envs,
        n_step=3 if "n-step" in on else 1,
        gamma=GAMMA,
        frame_stack=4 if "stacks" in on else None,
        sampler=samplers[0] if samplers else None,
        insertion=sw.Reservoir() if "reservoir" in on else None,
        hindsight=sw.Hindsight("future", k=4, reward=reward_of) if "hindsight" in on else None,
        seed=0,
    )


def obs_at(on: set[str], t: int) -> Any:
    leaf: Any = np.full(5, t)
    if "stacks" in on:
        begin = (t - 1) // EPISODE * EPISODE if t % EPISODE == 0 and t else t // EPISODE * EPISODE
        leaf = np.stack([np.full((3, 2), max(t - back, begin)) for back in (3, 2, 1, 0)])
    lead = (lambda x: np.stack([x, x])) if "many envs" in on else (lambda x: x)
    leaf = lead(leaf.astype("uint8" if "stacks" in on else "float32"))
    number = lead(np.array([float(t)], "float32"))
    if "hindsight" in on:
        return {
            "observation": leaf, "achieved_goal": number, "desired_goal": np.full_like(number, 99),
        }  # fmt: skip
    return {"observation": leaf, "more": number[..., 0]} if "Dict" in on else leaf


def filled(on: set[str]) -> sw.ReplayBuffer:
    buffer = made(on)
    lead = 2 if "many envs" in on else 1
    for t in range(STEPS):
        begin = obs_at(on, t)
        if "stacks" in on and t % EPISODE == 0:  # a stack that a reset has padded
            begin = padded(begin, t)
        end = [t % EPISODE == EPISODE - 1] * lead
        buffer.add(begin, [t] * lead, [1.0] * lead, obs_at(on, t + 1), [False] * lead, end)
    return buffer


def padded(obs: Any, t: int) -> Any:
    if isinstance(obs, dict):
        return {**obs, "observation": np.full_like(obs["observation"], t)}
    return np.full_like(obs, t)


def draw(on: set[str], buffer: sw.ReplayBuffer) -> list[sw.Batch]:
    """Ten batches, in the way that the features ask for."""
    source: Any = sw.Mix({buffer: 1, filled(on): 1}) if "Mix" in on else buffer
    length = {"length": 4} if "sequences" in on else {}
    if "prefetch" in on:
        with source.prefetch(16, **length) as batches:
            return ten(on, batches.__next__)
    return ten(on, lambda: source.sample_sequences(16, 4) if length else source.sample(16))


def ten(on: set[str], once: Callable[[], sw.Batch]) -> list[sw.Batch]:
    if "threads" not in on:
        return [once() for _ in range(10)]
    with ThreadPoolExecutor(2) as pool:
        return [drawing.result() for drawing in [pool.submit(once) for _ in range(10)]]


def check(on: set[str], batch: sw.Batch) -> None:
    """Rows are what was added: number t in every place, the right successor, the right sum."""
    shown = batch.mask if "sequences" in on else np.ones(len(batch.action), bool)
    t = batch.action[shown]
    ahead = np.minimum(3 if "n-step" in on and "reservoir" not in on else 1, EPISODE - t % EPISODE)
    ahead = np.minimum(ahead, STEPS - t)
    obs, next_obs = (of_leaf(part)[shown] for part in (batch.obs, batch.next_obs))
    assert (obs == leaves(on, t, t)).all()
    assert (next_obs == leaves(on, t, t + ahead)).all()
    assert (batch.discount[shown] == GAMMA**ahead).all()
    if "hindsight" in on:
        assert (batch.obs["desired_goal"][shown] != 99).any()
    else:
        assert np.allclose(batch.reward[shown], 2 - 2 * GAMMA**ahead)
    assert ("weight" in batch.keys()) == bool(on & {"prioritized", "by rank"})  # noqa: SIM118
    if {"sequences", "reservoir"} <= on:
        assert (batch.mask.sum(axis=1) == 1).all()
    if "store less" in on:
        assert obs.dtype == np.float32


def leaves(on: set[str], t: Any, at: Any) -> Any:
    """The observations at these steps, each of the episode of its t, ready to be compared."""
    if "stacks" not in on:
        return at[:, None]
    frames = at[:, None] - np.arange(3, -1, -1)
    return np.maximum(frames, (t // EPISODE * EPISODE)[:, None])[..., None, None]


def of_leaf(obs: Any) -> Any:
    return obs["observation"] if isinstance(obs, dict) else obs


def go_together(on: set[str], folder: Path) -> None:
    buffer = filled(on)
    assert len(buffer) == ROWS * (2 if "many envs" in on else 1)
    if on & {"prioritized", "by rank"}:
        index = buffer.sample(16).index
        buffer.update_priorities(index, np.linspace(0, 2, 16))
    if "save" in on:
        buffer.save(folder)
        again = sw.ReplayBuffer.load(folder, hindsight=buffer.hindsight)
        pair = [draw(on - {"threads"}, b) for b in (buffer, again)]
        assert all((a.index == b.index).all() for a, b in zip(*pair, strict=True))
        buffer = again
    for batch in draw(on, buffer):
        check(on, batch)


def table() -> dict[frozenset[str], str]:
    text = README.read_text() if README.is_file() else ""
    match = re.search(r"<!-- composition -->\n(.*?)\n<!-- /composition -->", text, re.DOTALL)
    if match is None:
        return {}
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in match[1].splitlines()]
    names = rows[0][1:]
    said = {}
    for row in rows[2:]:
        said |= {frozenset((row[0], n)): c for n, c in zip(names, row[1:], strict=True) if c}
    return said


SAID = table()
NAMES = sorted(set().union(*SAID) if SAID else ())
# What the library leaves to the user's word, and a guide says.
ASKED = {frozenset(("threads", "Mix")): "A `Mix` is for one thread"}


def test_the_table_speaks_of_every_pair() -> None:
    assert len(NAMES) >= 15
    assert set(SAID) == {frozenset(pair) for pair in combinations(NAMES, 2)}
    assert set(SAID.values()) == {"✓", "✓¹", "–", "no"}
    assert {pair for pair, said in SAID.items() if said == "–"} == {
        frozenset(pair) for pair in combinations(SAMPLERS, 2)
    }


@pytest.mark.parametrize("pair", sorted(map(sorted, SAID)), ids=" with ".join)
def test_two_features_do_what_the_table_says(pair, tmp_path) -> None:
    said = SAID[frozenset(pair)]
    if (sentence := ASKED.get(frozenset(pair))) is not None:
        assert said == "no"
        assert sentence in (README.parent / "docs/guides/threads.md").read_text()
    elif said.startswith("✓"):
        assert (said == "✓¹") == ("reservoir" in pair and bool({"n-step", "sequences"} & set(pair)))
        go_together(set(pair), tmp_path / "saved")
    elif said == "no":
        with pytest.raises((ValueError, AttributeError)):
            go_together(set(pair), tmp_path / "saved")
