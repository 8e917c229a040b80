"""Reverb: a server in this process, steps written by a ``TrajectoryWriter``, batches read through ``TrajectoryDataset``, as its
README and its demo have them. It holds 100,000 rows at most: each goes through gRPC.

https://github.com/google-deepmind/reverb

It needs TensorFlow 2.15, and that NumPy 1: ``BENCH_PYTHON_REVERB`` names a Python that has them.
"""

from __future__ import annotations

import os
from importlib.metadata import version as version_of
from itertools import cycle, islice
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import reverb
import tensorflow as tf

from bench.checks import ALPHA, initial_errors
from bench.workloads import Array, Loop, Rows, make_errors

label = "Reverb"
lacks = ("tree",)
MOST = 100_000
draws_ahead = True
TABLE = "replay"


def version() -> str:
    return version_of("dm-reverb")


class Served:
    """A table, its server and a writer."""

    def __init__(self, rows: Rows, selector: Any) -> None:
        size = min(len(rows), MOST)
        columns = {name: column[:size] for name, column in vars(rows).items()}
        signature = {name: tf.TensorSpec(c.shape[1:], c.dtype) for name, c in columns.items()}
        table = reverb.Table(
            TABLE,
            sampler=selector,
            remover=reverb.selectors.Fifo(),
            max_size=size,
            rate_limiter=reverb.rate_limiters.MinSize(1),
            signature=signature,
        )
        self.server = reverb.Server([table])
        self.address = f"localhost:{self.server.port}"
        self.client = reverb.Client(self.address)
        self.writer = self.client.trajectory_writer(num_keep_alive_refs=1)
        priorities = initial_errors(rows)
        for i in range(size):
            step = {name: column[i] for name, column in columns.items()}
            self.write(step, float(priorities[i]))
            if i % 100 == 99:  # "call Flush regularly"
                self.writer.flush()
        self.writer.flush()

    def write(self, step: dict[str, Any], priority: float = 1.0) -> None:
        self.writer.append(step)
        newest = {name: history[-1] for name, history in self.writer.history.items()}
        self.writer.create_item(TABLE, priority=priority, trajectory=newest)

    def batches(self, size: int) -> Any:
        """Batches without end; twice a batch is on its way, as its documentation of the option advises.

        One worker: more would fill their queues while others are timed.
        """
        data = reverb.TrajectoryDataset.from_table_signature(
            self.address,
            TABLE,
            max_in_flight_samples_per_worker=2 * size,
            num_workers_per_iterator=1,
        )
        return data.batch(size).as_numpy_iterator()


def make(buffer: str, rows: Rows) -> Served:
    if buffer == "prioritized":
        return Served(rows, reverb.selectors.Prioritized(priority_exponent=ALPHA))
    return Served(rows, reverb.selectors.Uniform())


def add(served: Served, walk: list[tuple[Array, Array]], action: Array) -> Loop:
    steps = cycle(walk)
    same = {"action": action, "reward": np.float32(1), "terminated": False, "truncated": False}

    def loop(calls: int) -> None:
        for obs, next_obs in islice(steps, calls):
            served.write({"obs": obs, "next_obs": next_obs, **same})
        served.writer.flush()

    return loop


def sample(served: Served, size: int) -> dict[str, Loop]:
    drawing = served.batches(size)

    def arrays(calls: int) -> Any:
        for _ in range(calls):
            batch = next(drawing)
        return batch

    return {"arrays": arrays}


def prioritized(served: Served, size: int) -> dict[str, Loop]:
    drawing, errors = served.batches(size), cycle(np.abs(make_errors(size)).tolist())

    def arrays(calls: int) -> Any:
        for error in islice(errors, calls):
            batch = next(drawing)
            updates = dict(zip(batch.info.key.tolist(), error, strict=True))
            served.client.mutate_priorities(TABLE, updates=updates)
        return batch

    return {"arrays": arrays}


def columns(batch: Any) -> dict[str, Array]:
    return dict(batch.data)
