"""cpprb's buffers and ours side by side, and transitions to fill them with."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from sharpwave.compat import cpprb as ours

cpprb = pytest.importorskip("cpprb")

SIZE = 13
ENV: dict[str, dict[str, Any]] = {
    "obs": {"shape": (2, 3)},
    "act": {"shape": 2, "dtype": np.int64},
    "rew": {},
    "pixel": {"shape": 4, "dtype": np.uint8},
    "half": {"dtype": np.float16},
    "double": {"shape": (1,), "dtype": np.float64},
    "next_obs": {"shape": (2, 3)},
    "done": {"dtype": bool},
}
STEP_ENV: dict[str, dict[str, Any]] = {
    "obs": {"shape": 3},
    "act": {"dtype": np.int32},
    "rew": {},
    "next_obs": {"shape": 3},
    "done": {},
}
WINDOWS = {"size": 3, "gamma": 0.9, "rew": "rew", "next": "next_obs"}
BOTH = (cpprb, ours)


def made(module: Any, kind: str, env: dict[str, Any], size: int = SIZE, **options: Any) -> Any:
    """Make a buffer of one of the two; cpprb writes into the dicts that it is given."""
    return getattr(module, kind)(size, copy.deepcopy(env), **copy.deepcopy(options))


def pair(kind: str, env: dict[str, Any], size: int = SIZE, **options: Any) -> tuple[Any, Any]:
    theirs, mine = (made(module, kind, env, size, **options) for module in BOTH)
    return theirs, mine


def random_rows(rng: np.random.Generator, count: int | None) -> dict[str, Any]:
    """One transition (count None) or several, float64 where an environment would give it."""
    lead = () if count is None else (count,)
    return {
        "obs": rng.normal(size=(*lead, 2, 3)),
        "act": rng.integers(-(2**40), 2**40, (*lead, 2)),
        "rew": rng.normal(size=lead),
        "pixel": rng.integers(0, 256, (*lead, 4)),
        "half": rng.normal(size=lead),
        "double": rng.normal(size=lead),
        "next_obs": rng.normal(size=(*lead, 2, 3)).astype(np.float32),
        "done": rng.random(lead) < 0.3,
    }


def copies(rows: dict[str, Any]) -> dict[str, Any]:
    return {name: np.array(value) for name, value in rows.items()}


def assert_same_rows(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert values.shape == second[name].shape, name
        assert values.dtype == second[name].dtype, name
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def assert_same(theirs: Any, mine: Any) -> None:
    for name in ("stored_size", "buffer_size", "next_index", "current_episode_len"):
        assert getattr(theirs, f"get_{name}")() == getattr(mine, f"get_{name}")(), name
    assert theirs.is_Nstep() == mine.is_Nstep()
    assert_same_rows(theirs.get_all_transitions(), mine.get_all_transitions())


def weights_by_row(buffer: Any, beta: float = 0.7) -> dict[int, float]:
    """Draw so many that every row which can be drawn is."""
    batch = buffer.sample(20_000, beta=beta)
    return dict(zip(batch["indexes"].tolist(), batch["weights"].tolist(), strict=True))


def assert_same_weights(theirs: Any, mine: Any) -> None:
    assert mine.get_max_priority() == pytest.approx(theirs.get_max_priority(), rel=1e-6)
    expected, got = weights_by_row(theirs), weights_by_row(mine)
    assert got == pytest.approx(expected, rel=1e-4)


def steps(rng: np.random.Generator, count: int, *, terminates: bool = False) -> dict[str, Any]:
    obs = rng.normal(size=(count + 1, 3)).astype(np.float32)
    done = np.zeros(count, np.float32)
    done[-1] = terminates
    return {
        "obs": obs[:-1],
        "act": rng.integers(0, 9, count),
        "rew": rng.normal(size=count).astype(np.float32),
        "next_obs": obs[1:],
        "done": done,
    }


SHARING: dict[str, dict[str, Any]] = {
    "next_of": {"next_of": "obs"},
    "stack": {"stack_compress": "obs"},
    "both": {"next_of": ["obs"], "stack_compress": ["obs"]},
}
STACK_ENV: dict[str, dict[str, Any]] = {
    "rew": {},
    "obs": {"shape": (2, 3), "dtype": np.int32},
    "done": {},
}


def episode(rng: np.random.Generator, length: int) -> list[dict[str, Any]]:
    """Stacks of 3 frames of 2 numbers, the last axis that of the frames."""
    frames = rng.integers(0, 1000, (2, length + 3)).astype(np.int32)
    return [
        {
            "obs": frames[:, t : t + 3],
            "next_obs": frames[:, t + 1 : t + 4],
            "rew": rng.normal(),
            "done": float(t == length - 1),
        }
        for t in range(length)
    ]


def sharing_env(options: dict[str, Any]) -> dict[str, Any]:
    return STACK_ENV if "next_of" in options else {**STACK_ENV, "next_obs": STACK_ENV["obs"]}
