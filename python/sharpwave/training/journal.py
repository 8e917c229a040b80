"""What it takes to bring an environment back: the seed of its episode, and the actions since.

An environment's own state cannot be read in general, but it can be made again: the same seed and
the same actions lead to the same observation, and where they do not, the difference is seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

LONGEST = 200_000
"""Actions of one episode that are kept; one that goes on for longer is not brought back."""


class Journal:
    """Gives every episode of some environments its seed, and notes what was done in it.

    Parameters
    ----------
    num_envs
        Environments.
    seed
        Of the seeds.

    Examples
    --------
    >>> from sharpwave.training.journal import Journal
    >>> journal = Journal(1, seed=0)
    >>> seed = journal.begin(0)
    >>> journal.note(0, 1)
    >>> other = Journal(1, seed=5)
    >>> other.load_state_dict(journal.state_dict())
    >>> other.episode(0) == (seed, [1])
    True
    """

    def __init__(self, num_envs: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._seeds = [0] * num_envs
        self._actions: list[list[Any]] = [[] for _ in range(num_envs)]

    def begin(self, env: int) -> int:
        """Return the seed that environment ``env`` is to be reset with."""
        self._actions[env].clear()
        self._seeds[env] = int(self._rng.integers(2**31))
        return self._seeds[env]

    def note(self, env: int, action: Any) -> None:
        """Note an action."""
        actions = self._actions[env]
        if len(actions) <= LONGEST:
            actions.append(action)

    def episode(self, env: int) -> tuple[int, list[Any]] | None:
        """Return the seed and the actions of the present episode, None where it was too long."""
        actions = self._actions[env]
        return None if len(actions) > LONGEST else (self._seeds[env], list(actions))

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        actions = [torch.as_tensor(np.array(a)) for a in self._actions]
        rng = json.dumps(self._rng.bit_generator.state)
        return {"rng": rng, "seeds": list(self._seeds), "actions": actions}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the journal that ``state`` was read from stood."""
        self._rng.bit_generator.state = json.loads(state["rng"])
        self._seeds = list(state["seeds"])
        # An integer is what a Discrete space's environment was given.
        self._actions = [
            list(actions.numpy())
            if actions.is_floating_point() or actions.ndim > 1
            else actions.tolist()
            for actions in state["actions"]
        ]
