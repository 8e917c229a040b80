"""All features in one buffer, against the model.

Dict observations with a stacked image, five steps, priorities, eight environments whose episodes
have different lengths and end in both ways, steps of some environments only, copies in between.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import replay
from model import Leaf
from pair import Pair
from setups import AUTORESET, Setup

import sharpwave as sw

OPERATIONS = int(os.environ.get("SHARPWAVE_TEST_OPERATIONS", "20000")) // 40
FIELDS = {
    "obs": {
        "camera": Leaf((4, 9, 7), "uint8"),
        "speed": Leaf((3,), "float32"),
        "arm": {"angle": Leaf((), "float64"), "touch": Leaf((5,), "bool")},
        "goal": Leaf((), "int64", values=6),
    },
    "action": Leaf((2,), "float32"),
    "log_prob": Leaf((), "float32"),
    "state": Leaf((16,), "float16"),
}


def everything(normalize: str, autoreset: str | None) -> Setup:
    return Setup(
        FIELDS,
        capacity=8 * 11,
        num_envs=8,
        n_step=5,
        gamma=0.99,
        frame_stack=4,
        autoreset=autoreset,
        sampler=sw.Prioritized(alpha=0.6, beta=0.4, eps=0.0, normalize=normalize),
    )


@pytest.mark.parametrize("autoreset", AUTORESET)
@pytest.mark.parametrize("normalize", ["batch", "buffer"])
def test_everything_at_once_agrees_with_the_model(normalize, autoreset) -> None:
    rng = np.random.default_rng([1 + len(normalize), AUTORESET.index(autoreset)])
    pair = Pair(rng, everything(normalize, autoreset))
    for env, stream in enumerate(pair.streams):
        stream.length = 1 + 2 * env  # 1, 3, … 15: shorter than a window, longer than a ring
        stream.ends = 0.0 if env % 2 else 0.05
    for t in range(OPERATIONS):
        pair.add()
        pair.check()
        if t % 3 == 0:
            replay.sample(pair, 32)
            replay.update_priorities(pair)
        if t % 10 == 0:
            replay.sample_sequences(pair, 8)
        if t % 20 == 0:
            pair.end_episode()
            pair.extend(int(rng.integers(30)))
            replay.bad_update(pair)
            pair.bad_add()
            replay.sample_all(pair)
        if t % 200 == 199:
            pair.set_n_step()
            pair.set_gamma()
            replay.set_beta(pair)
    pair.check_held()


def test_the_streams_of_that_test_have_all_that_it_speaks_of() -> None:
    """A test of the test: windows of every length, both ends, stacks that begin and go on."""
    pair = Pair(np.random.default_rng(0), everything("batch", None))
    for env, stream in enumerate(pair.streams):
        stream.length = 1 + 2 * env
    lengths, ends = set(), set()
    for _ in range(400):
        pair.add()
        for index in pair.model.indices():
            window = pair.model.window(index)
            lengths.add(len(window))
            ends.add((bool(window[-1].columns["terminated"]), len(window)))
    assert lengths == {1, 2, 3, 4, 5}
    assert ends == {(flag, length) for flag in (False, True) for length in lengths}
    assert len(set(pair.model.added)) > 1, "the environments are in step"
