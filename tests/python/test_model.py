"""Every operation against the model, on random buffers, in random order.

SHARPWAVE_TEST_OPERATIONS sets how many operations the plain test does; SHARPWAVE_TEST_SEED where
it starts. A failure names the seed of its own short run.
"""

from __future__ import annotations

import os

import numpy as np
import replay
from generators import DISCRETE, DTYPES, FRAME, SHAPES, with_a_stack
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from model import Leaf
from pair import Pair
from setups import AUTORESET, Setup, random_sampler, random_setup

try:
    from gymnasium import spaces as gymnasium_spaces
except ModuleNotFoundError:
    gymnasium_spaces = None

OPERATIONS = int(os.environ.get("SHARPWAVE_TEST_OPERATIONS", "20000"))
SEED = int(os.environ.get("SHARPWAVE_TEST_SEED", "0"))
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
        num_envs=st.integers(1, 8),
        capacity=st.integers(1, 40),
        n_step=st.none() | st.integers(1, 7),
        frame_stack=st.none() | st.integers(1, 4),
        autoreset=st.sampled_from(AUTORESET),
        reservoir=st.sampled_from([False, False, False, True]),
        spaces=st.sampled_from([None, gymnasium_spaces]),
    )
    def start(self, seed, obs, action, extra, capacity, n_step, frame_stack, **options):
        rng = np.random.default_rng(seed)
        obs = with_a_stack(rng, obs, frame_stack) if frame_stack else obs
        fields = {"obs": obs, "action": action} | ({} if extra is None else {"extra": extra})
        setup = Setup(
            fields,
            max(capacity, options["num_envs"]),
            n_step=n_step or 1,
            sums=n_step is not None,
            frame_stack=frame_stack,
            sampler=random_sampler(rng, options["reservoir"]),
            **options,
        )
        self.pair = Pair(rng, setup)

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

    @rule()
    def set_n_step(self):
        self.pair.set_n_step()

    @rule()
    def set_gamma(self):
        self.pair.set_gamma()

    @rule(batch_size=st.integers(1, 80))
    def sample(self, batch_size):
        replay.sample(self.pair, batch_size)

    @rule()
    def sample_all(self):
        replay.sample_all(self.pair)

    @rule(batch_size=st.integers(1, 20))
    def sample_sequences(self, batch_size):
        replay.sample_sequences(self.pair, batch_size)

    @rule()
    def update_priorities(self):
        replay.update_priorities(self.pair)

    @rule()
    def bad_update(self):
        replay.bad_update(self.pair)

    @rule()
    def set_beta(self):
        replay.set_beta(self.pair)

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
    setup = random_setup(rng, gymnasium_spaces)
    pair = Pair(rng, setup)
    names = rng.choice(len(CHANCES), operations, p=np.array([*CHANCES.values()]) / 100)
    try:
        for name in names:
            _operation(pair, [*CHANCES][name])
            pair.check()
        pair.check_held()
    except Exception as error:
        error.add_note(f"{setup}")
        raise


# Of a hundred operations, how many are what.
CHANCES = {
    "add": 50, "sample": 19, "sample_sequences": 5, "update_priorities": 8, "extend": 4,
    "end_episode": 3, "bad_add": 2, "bad_update": 1, "sample_all": 2, "set_n_step": 1.5,
    "set_gamma": 3, "set_beta": 1, "clear": 0.5,
}  # fmt: skip


def _operation(pair: Pair, name: str) -> None:
    rows = pair.model.rows_each
    if name in ("sample", "sample_sequences"):
        getattr(replay, name)(pair, int(pair.rng.integers(1, 2 * rows + 2)))
    elif name == "extend":
        pair.extend(int(pair.rng.integers(0, 2 * rows + 4)))
    elif hasattr(pair, name):
        getattr(pair, name)()
    else:
        getattr(replay, name)(pair)
