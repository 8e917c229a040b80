"""flashbax: buffers of JAX, jitted and their state donated as its README asks, called from a Python loop as its own benchmarks
are. Transitions with both observations are stored, "a trajectory buffer with sequence 1 and period 1", which its README
calls the faster way. JAX answers before it is done: each call waits for its arrays.

https://github.com/instadeepai/flashbax
"""

from __future__ import annotations

import os
from importlib.metadata import version as version_of
from itertools import cycle, islice
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import flashbax as fbx
import jax
import jax.numpy as jnp
import numpy as np

from bench.checks import ALPHA, initial_errors
from bench.workloads import Array, Loop, Rows, make_errors

label = "flashbax"
KEYS = 2**14


def version() -> str:
    return version_of("flashbax")


class Kept:
    """A buffer's state: every call gives a new one. A buffer is made for a batch size, the state fits all."""

    def __init__(self, rows: Rows, prioritized: bool) -> None:
        self.size, self.prioritized = len(rows), prioritized
        data = {name: jnp.asarray(column) for name, column in vars(rows).items()}
        buffer = self.buffer(1)
        state = buffer.init({name: column[0] for name, column in data.items()})
        whole = {name: column[None] for name, column in data.items()}
        self.state = jax.jit(buffer.add, donate_argnums=0)(state, whole)

    def buffer(self, batch: int) -> Any:
        options = {
            "add_batch_size": 1,
            "sample_batch_size": batch,
            "sample_sequence_length": 1,
            "period": 1,
            "min_length_time_axis": 1,
            "max_length_time_axis": self.size,
        }
        if self.prioritized:
            return fbx.make_prioritised_trajectory_buffer(**options, priority_exponent=ALPHA)
        return fbx.make_trajectory_buffer(**options)


def make(buffer: str, rows: Rows) -> Kept:
    made = Kept(rows, buffer == "prioritized")
    if made.prioritized:
        every, errors = jnp.arange(len(rows)), jnp.asarray(initial_errors(rows))
        made.state = made.buffer(1).set_priorities(made.state, every, errors)
    return made


def keys() -> list[Any]:
    """A key for every call, made beforehand, in its favour."""
    return list(jax.random.split(jax.random.PRNGKey(int.from_bytes(os.urandom(4), "little")), KEYS))


def add(kept: Kept, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    return add_many(kept, [(obs[None], after[None]) for obs, after in walk], action[None])


def add_many(kept: Kept, walk: list[tuple[Array, Array]], actions: Array) -> Loop:
    adding, envs = jax.jit(kept.buffer(1).add, donate_argnums=0), len(actions)
    flag = np.zeros((1, envs), bool)
    same = {"action": actions[None], "reward": np.ones((1, envs), np.float32)}
    same |= {"terminated": flag, "truncated": flag}
    steps = cycle(walk)

    def loop(calls: int) -> None:
        for obs, after in islice(steps, calls):
            kept.state = adding(kept.state, {"obs": obs[None], "next_obs": after[None], **same})
        jax.block_until_ready(kept.state)

    return loop


def sample(kept: Kept, size: int) -> dict[str, Loop]:
    drawing, fresh = jax.jit(kept.buffer(size).sample), cycle(keys())

    def arrays(calls: int) -> Any:
        for key in islice(fresh, calls):
            batch = jax.block_until_ready(drawing(kept.state, key))
        return batch

    return {"arrays": arrays}


def prioritized(kept: Kept, size: int) -> dict[str, Loop]:
    buffer, fresh = kept.buffer(size), cycle(keys())
    drawing = jax.jit(lambda state, key: weighted(buffer.sample(state, key)))
    setting = jax.jit(buffer.set_priorities, donate_argnums=0)
    errors = cycle([np.abs(error) for error in make_errors(size)])

    def arrays(calls: int) -> Any:
        for key, error in islice(zip(fresh, errors, strict=False), calls):
            batch, _ = jax.block_until_ready(drawing(kept.state, key))
            kept.state = setting(kept.state, batch.indices, error)
        jax.block_until_ready(kept.state)
        return batch

    return {"arrays": arrays}


def weighted(batch: Any) -> tuple[Any, Any]:
    # as its Anakin prioritised DQN example weighs them
    weights = (1.0 / batch.probabilities) ** 0.4
    return batch, weights / weights.max()


def columns(batch: Any) -> dict[str, Array]:
    return {name: np.asarray(column)[:, 0] for name, column in batch.experience.items()}
