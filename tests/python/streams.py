"""Streams of transitions, made to be unpleasant.

Successors are sometimes the next row's observation, sometimes that with a single bit changed,
sometimes another observation; stacks mostly move on by a frame, and begin in any way: a buffer that
stores only once what comes twice has to notice the difference.
"""

from __future__ import annotations

import numpy as np
from generators import is_stack, random_value, with_one_bit_changed
from model import FLAG, REWARD, Leaf, Tree, map_tree

PADDINGS = ("repeat", "zeros", "junk")


class Stream:
    """Endless transitions of one environment, which has a character.

    That is: how long its episodes are, how often its observations jump, how its stacks begin.

    Parameters
    ----------
    frame_stack
        How many frames there are in a stack; None where there are no stacks.
    finite_rewards
        Rewards of which sums are defined, in place of random bits.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        fields: dict[str, Tree],
        frame_stack: int | None = None,
        finite_rewards: bool = False,
    ) -> None:
        self.rng = rng
        self.fields = fields
        self.frame_stack = frame_stack
        self.finite_rewards = finite_rewards
        self.ends = rng.choice([0.0, 0.05, 0.1, 0.4])
        self.length = rng.choice([0, 0, *range(1, 10)])  # of an episode; 0: by chance alone
        self.jumps = rng.choice([0.0, 0.4])
        self.padding = rng.choice(PADDINGS)
        self.age = 0
        self.last: Tree = None  # what the next row goes on from; None at the start of an episode

    def row(self) -> dict[str, Tree]:
        """The next transition."""
        obs = self._observation()
        row = {k: self._random(tree) for k, tree in self.fields.items() if k != "obs"}
        next_obs = self.last = self._after(obs)
        ends = self._ends()
        if ends.any() and self.rng.random() < 0.8:
            self.last = None
        return row | {
            "obs": obs,
            "next_obs": next_obs,
            "reward": self._reward(),
            "terminated": np.asarray(ends[0], FLAG.dtype),
            "truncated": np.asarray(ends[1], FLAG.dtype),
        }

    def restart(self) -> Tree:
        """The first observation of the next episode."""
        self.last = self._first()
        return self.last

    def _ends(self) -> np.ndarray:
        self.age += 1
        ends = self.rng.random(2) < self.ends
        if self.age == self.length:
            ends[self.rng.integers(2)] = True
        if ends.any():
            self.age = 0
        return ends

    def _reward(self) -> np.ndarray:
        if not self.finite_rewards:
            return random_value(self.rng, REWARD)
        scale = 10.0 ** self.rng.integers(-3, 4)
        return np.asarray(scale * self.rng.normal(), REWARD.dtype)

    def _observation(self) -> Tree:
        chance = self.rng.random()
        if self.last is None or chance < self.jumps / 2:
            return self._first()
        return with_one_bit_changed(self.rng, self.last) if chance < self.jumps else self.last

    def _first(self) -> Tree:
        return map_tree(self._first_value, self.fields["obs"])

    def _first_value(self, leaf: Leaf) -> np.ndarray:
        value = random_value(self.rng, leaf)
        if self._is_stack(leaf) and self.padding == "repeat":
            value[:-1] = value[-1]
        if self._is_stack(leaf) and self.padding == "zeros":
            value[:-1] = 0
        return value

    def _after(self, obs: Tree) -> Tree:
        chance = self.rng.random() / self.jumps if self.jumps else 1.0
        if chance < 0.1:
            return obs  # nothing moves
        if chance < 0.3:
            return self._random(self.fields["obs"])
        return map_tree(self._next_value, self.fields["obs"], obs)

    def _next_value(self, leaf: Leaf, value: np.ndarray) -> np.ndarray:
        if not self._is_stack(leaf):
            return random_value(self.rng, leaf)
        frame = random_value(self.rng, Leaf(leaf.shape[1:], leaf.dtype))
        return np.concatenate([value[1:], frame[None]])

    def _is_stack(self, leaf: Leaf) -> bool:
        return is_stack(self.fields["obs"], leaf, self.frame_stack)

    def _random(self, tree: Tree) -> Tree:
        return map_tree(lambda leaf: random_value(self.rng, leaf), tree)
