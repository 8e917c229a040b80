"""cpprb 11: the buffers as its README has them, a million rows of 17 and 6 float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import Any

import cpprb
import numpy as np

from bench.adapters.data import ACTION, BATCHES, OBS, ROWS
from sharpwave.compat import cpprb as ours

ENV = {
    "obs": {"shape": OBS},
    "act": {"shape": ACTION},
    "rew": {},
    "next_obs": {"shape": OBS},
    "done": {},
}
SHARED = {name: options for name, options in ENV.items() if name != "next_obs"}
FRAMES = {"obs": {"shape": (84, 84, 4), "dtype": np.uint8}, "act": {}, "rew": {}, "done": {}}
FRAME_ROWS = 2000
WINDOWS = {"size": 3, "rew": "rew", "next": "next_obs"}

Call = Callable[[], object]


def filled(buffer: Any) -> Any:
    """Every row written, each array anew: cpprb's windows are formed in the caller's own."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        rows = ROWS // 10
        obs = rng.normal(size=(rows + 1, OBS)).astype(np.float32)
        buffer.add(
            obs=obs[:-1].copy(),
            act=rng.normal(size=(rows, ACTION)).astype(np.float32),
            rew=rng.normal(size=rows).astype(np.float32),
            next_obs=obs[1:].copy(),
            done=(rng.random(rows) < 0.01).astype(np.float32),
        )
    return buffer


def filled_frames(buffer: Any) -> Any:
    add = adds_of_frames(buffer)
    for _ in range(FRAME_ROWS + 5):
        add()
    return buffer


def adds(buffer: Any) -> Call:
    """One transition a call, as an environment gives it: a float reward, a bool."""
    rng = np.random.default_rng(1)
    walk = rng.normal(size=(1001, OBS)).astype(np.float32)
    steps: Iterator[tuple[Any, ...]] = cycle(
        list(zip(walk[:-1], walk[1:], rng.normal(size=1000).tolist(), strict=True))
    )
    action = rng.normal(size=ACTION).astype(np.float32)

    def add() -> object:
        obs, next_obs, reward = next(steps)
        return buffer.add(obs=obs, act=action, rew=reward, next_obs=next_obs, done=False)

    return add


def adds_of_frames(buffer: Any) -> Call:
    """One transition of stacked frames a call; a new game every 1000 steps."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (84, 84, 1004), np.uint8)
    steps = cycle(range(1000))

    def add() -> object:
        at = next(steps)
        obs, after = frames[..., at : at + 4], frames[..., at + 1 : at + 5]
        row = buffer.add(obs=obs, next_obs=after, act=1, rew=0.5, done=False)
        if at == 999:
            buffer.on_episode_end()
        return row

    return add


def updates(buffer: Any, count: int) -> Call:
    rng = np.random.default_rng(3)
    errors = cycle([rng.random(count).astype(np.float32) for _ in range(100)])

    def update() -> object:
        batch = buffer.sample(count, beta=0.4)
        buffer.update_priorities(batch["indexes"], next(errors))
        return batch

    return update


def both(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    return make(ours), make(cpprb)


def operations() -> Mapping[str, Mapping[str, Call]]:
    uniform = both(lambda m: filled(m.ReplayBuffer(ROWS, ENV)))
    shared = both(lambda m: filled(m.ReplayBuffer(ROWS, SHARED, next_of="obs")))
    prioritized = both(lambda m: filled(m.PrioritizedReplayBuffer(ROWS, ENV)))
    windows = both(lambda m: m.ReplayBuffer(ROWS, ENV, Nstep=WINDOWS))
    frames = both(
        lambda m: filled_frames(
            m.ReplayBuffer(FRAME_ROWS, FRAMES, next_of="obs", stack_compress="obs")
        )
    )
    for buffer in prioritized:
        buffer.update_priorities(np.arange(ROWS), np.random.default_rng(4).random(ROWS))
    cases: dict[str, tuple[tuple[Any, Any], Callable[[Any], Call]]] = {}
    for n in BATCHES:
        cases[f"sample({n})"] = uniform, lambda b, n=n: lambda: b.sample(n)
    cases["add"] = uniform, adds
    for n in BATCHES:
        cases[f"prioritized: sample({n}) and update"] = prioritized, lambda b, n=n: updates(b, n)
    cases["prioritized: add"] = prioritized, adds
    cases["next_of: sample(32)"] = shared, lambda b: lambda: b.sample(32)
    cases["next_of: add"] = shared, adds
    cases["Nstep of 3: add"] = windows, adds
    cases["frames, next_of and stack_compress: sample(32)"] = frames, lambda b: lambda: b.sample(32)
    cases["frames, next_of and stack_compress: add"] = frames, adds_of_frames
    return {
        name: {"sharpwave": call(buffers[0]), "peer": call(buffers[1])}
        for name, (buffers, call) in cases.items()
    }
