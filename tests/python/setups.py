"""What a buffer and its model are made of: every option, and a random choice of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from generators import random_tree, with_a_stack
from model import Leaf, PlainBuffer, Tree
from model_reservoir import PlainReservoir

import sharpwave as sw

SHARES = (0.3, 0.4, 0.15, 0.15)
AUTORESET = (None, "disabled", "next_step", "same_step")


@dataclass(frozen=True)
class Setup:
    """The arguments of a buffer, in the model's words.

    `spaces` is `gymnasium.spaces`, or None for `sw.Field`s; `sums` says whether windows ever have
    more than one row, and so rewards are numbers of which sums are defined.
    """

    fields: dict[str, Tree]
    capacity: int
    num_envs: int = 1
    n_step: int = 1
    gamma: float = 0.99
    frame_stack: int | None = None
    autoreset: str | None = None
    sampler: Any = field(default_factory=sw.Uniform)
    reservoir: bool = False
    hindsight: Any = None
    sums: bool = True
    spaces: Any = None

    def model(self) -> PlainBuffer:
        kind = PlainReservoir if self.reservoir else PlainBuffer
        return kind(
            self.capacity, self.fields, self.num_envs, self.autoreset, self.n_step, self.gamma
        )

    def buffer(self, seed: int) -> sw.ReplayBuffer:
        extra = {k: tree for k, tree in self.fields.items() if k not in ("obs", "action")}
        return sw.ReplayBuffer(
            self.capacity,
            observation_space=as_space(self.fields["obs"], self.spaces),
            action_space=as_space(self.fields["action"], self.spaces),
            num_envs=self.num_envs,
            n_step=self.n_step,
            gamma=self.gamma,
            sampler=self.sampler,
            frame_stack=self.frame_stack,
            autoreset=self.autoreset,
            extra_fields={name: as_space(tree, None) for name, tree in extra.items()},
            insertion=sw.Reservoir() if self.reservoir else None,
            hindsight=self.hindsight,
            seed=seed,
        )


def random_setup(rng: np.random.Generator, spaces: Any) -> Setup:
    """Small, so that it wraps often."""
    num_envs = int(rng.integers(1, 9))
    names = ["obs", "action", *["extra", "more"][: rng.integers(3)]]
    fields = {name: random_tree(rng, depth=2 if name in names[:2] else 0) for name in names}
    frame_stack = [None, 2, 3, 4][rng.integers(4)]
    if frame_stack:
        fields["obs"] = with_a_stack(rng, fields["obs"], frame_stack)
    sums = bool(rng.random() < 0.8)
    reservoir = bool(rng.random() < 0.15)
    return Setup(
        fields,
        capacity=int(rng.integers(num_envs, 41)),
        num_envs=num_envs,
        n_step=int(rng.integers(1, 8)) if sums else 1,
        gamma=random_gamma(rng),
        frame_stack=frame_stack,
        autoreset=AUTORESET[rng.integers(4)],
        sampler=random_sampler(rng, reservoir),
        reservoir=reservoir,
        sums=sums,
        spaces=spaces if rng.random() < 0.5 else None,
    )


def random_gamma(rng: np.random.Generator) -> float:
    return float(rng.choice([0.0, 0.5, 0.9, 0.99, 0.997, 1.0]))


def random_sampler(rng: np.random.Generator, reservoir: bool = False) -> Any:
    kind = rng.choice(["uniform", "prioritized", "epochs", "recency"], p=SHARES)
    if kind == "prioritized":
        return random_prioritized(rng, reservoir)
    if kind == "recency" and not reservoir:  # refused: a reservoir does not keep recent rows
        return sw.Recency(eta=0.996, min_rows=int(rng.integers(1, 9)), updates=20)
    return sw.WithoutReplacement() if kind == "epochs" else sw.Uniform()


def random_prioritized(rng: np.random.Generator, reservoir: bool = False) -> Any:
    # Whether any row with a priority is left in a reservoir would be chance, were there none.
    return sw.Prioritized(
        alpha=float(rng.choice([0.0, 0.4, 0.6, 1.0])),
        beta=float(rng.choice([0.0, 0.4, 1.0])),
        eps=float(rng.choice([1e-6 if reservoir else 0.0, 1e-6, 0.1])),
        normalize=str(rng.choice(["batch", "buffer"])),
        eta=float(rng.choice([0.0, 0.5, 0.9, 1.0])),
    )


def as_space(tree: Tree, spaces: Any) -> Any:
    """The tree as Gymnasium spaces, or as `sw.Field`s where `spaces` is None."""
    if isinstance(tree, dict):
        parts = {key: as_space(part, spaces) for key, part in tree.items()}
        return parts if spaces is None else spaces.Dict(parts)
    if isinstance(tree, tuple):
        items = tuple(as_space(part, spaces) for part in tree)
        return items if spaces is None else spaces.Tuple(items)
    return sw.Field(tree.shape, tree.dtype) if spaces is None else _gymnasium(tree, spaces)


def _gymnasium(leaf: Leaf, spaces: Any) -> Any:
    if leaf.values:
        return spaces.Discrete(leaf.values)
    if leaf.dtype == "bool":
        return spaces.Box(0, 1, leaf.shape, bool)
    dtype = np.dtype(leaf.dtype)
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, leaf.shape, dtype.type)
    return spaces.Box(np.iinfo(dtype).min, np.iinfo(dtype).max, leaf.shape, dtype.type)
