"""Every operation against the model, on random spaces, in random order.

SHARPWAVE_TEST_OPERATIONS sets how many operations the plain test does; SHARPWAVE_TEST_SEED where
it starts. A failure names the seed of its own short run.
"""

from __future__ import annotations

import os

import numpy as np
from generators import DISCRETE, DTYPES, FRAME, SHAPES, random_tree
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from model import Leaf
from pair import Pair

try:
    from gymnasium import spaces as gymnasium_spaces
except ModuleNotFoundError:
    gymnasium_spaces = None

OPERATIONS = int(os.environ.get("SHARPWAVE_TEST_OPERATIONS", "20000"))
SEED = int(os.environ.get("SHARPWAVE_TEST_SEED", "0"))
AUTORESET = (None, "disabled", "next_step", "same_step")
RUN = 250  # operations on one buffer of the plain test

leaf_trees = st.builds(Leaf, st.sampled_from(SHAPES), st.sampled_from(DTYPES)) | st.sampled_from(
    [DISCRETE, FRAME]
)
trees = st.recursive(
    leaf_trees,
    lambda parts: (
        st.dictionaries(st.sampled_from("zam"), parts, min_size=1, max_size=3)
        | st.lists(parts, min_size=1, max_size=2).map(tuple)
    ),
    max_leaves=4,
)


class AgainstTheModel(RuleBasedStateMachine):
    """Hypothesis writes the program; when one fails it looks for a shorter one."""

    @initialize(
        seed=st.integers(0, 2**32),
        obs=trees,
        action=trees,
        extra=st.none() | leaf_trees,
        num_envs=st.integers(1, 4),
        capacity=st.integers(1, 40),
        autoreset=st.sampled_from(AUTORESET),
        spaces=st.sampled_from([None, gymnasium_spaces]),
    )
    def start(self, seed, obs, action, extra, num_envs, capacity, autoreset, spaces):
        fields = {"obs": obs, "action": action} | ({} if extra is None else {"extra": extra})
        self.pair = Pair(
            np.random.default_rng(seed),
            fields,
            capacity=max(capacity, num_envs),
            num_envs=num_envs,
            autoreset=autoreset,
            spaces=spaces,
        )

    @rule()
    def add(self):
        self.pair.add()

    @rule(times=st.integers(2, 12))
    def add_many(self, times):
        for _ in range(times):
            self.pair.add()

    @rule(length=st.integers(0, 90))
    def extend(self, length):
        self.pair.extend(length)

    @rule()
    def end_episode(self):
        self.pair.end_episode()

    @rule()
    def clear(self):
        self.pair.clear()

    @rule()
    def bad_add(self):
        self.pair.bad_add()

    @rule(batch_size=st.integers(1, 80))
    def sample(self, batch_size):
        self.pair.sample(batch_size)

    @rule()
    def sample_all(self):
        self.pair.sample_all()

    @invariant()
    def lengths_agree(self):
        if hasattr(self, "pair"):
            self.pair.check()

    def teardown(self):
        if hasattr(self, "pair"):
            self.pair.check_held()


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, print_blob=True
)


def test_random_operations_agree_with_the_model() -> None:
    for run, start in enumerate(range(0, OPERATIONS, RUN)):
        try:
            _random_run(np.random.default_rng([SEED, run]), min(RUN, OPERATIONS - start))
        except Exception as error:
            error.add_note(f"run {run}: np.random.default_rng([{SEED}, {run}])")
            raise


def _random_run(rng: np.random.Generator, operations: int) -> None:
    num_envs = int(rng.integers(1, 5))
    extras = ["extra", "more"][: rng.integers(3)]
    fields = {name: random_tree(rng) for name in ("obs", "action")}
    pair = Pair(
        rng,
        fields | {name: random_tree(rng, depth=0) for name in extras},
        capacity=int(rng.integers(num_envs, 41)),
        num_envs=num_envs,
        autoreset=AUTORESET[rng.integers(4)],
        spaces=gymnasium_spaces if rng.random() < 0.5 else None,
    )
    rows = pair.buffer.capacity // num_envs
    for _ in range(operations):
        _one_operation(rng, pair, rows)
        pair.check()
    pair.check_held()


def _one_operation(rng: np.random.Generator, pair: Pair, rows: int) -> None:
    chance = rng.random()
    if chance < 0.55:
        pair.add()
    elif chance < 0.85:
        pair.sample(int(rng.integers(1, 2 * rows + 2)))
    elif chance < 0.90:
        pair.bad_add()
    elif chance < 0.94:
        pair.extend(int(rng.integers(0, 2 * rows + 4)))
    elif chance < 0.97:
        pair.end_episode()
    elif chance < 0.99:
        pair.sample_all()
    else:
        pair.clear()
