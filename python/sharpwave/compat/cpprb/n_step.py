"""n-step windows, formed as steps are added."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def as_names(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the names of an option that takes one or several."""
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(map(str, names))


class Windows:
    """Steps that wait until the window that begins with each of them is whole.

    What comes out is the first step of a window, but its ``rew`` are the discounted sums up to the
    first step that terminates, its ``done`` is that of any step, and its ``next`` are the last's.

    Parameters
    ----------
    names : sequence of str
        The values of a step, in their order; one is ``done``.
    options : mapping
        ``size``, and optionally ``gamma`` (0.99), ``rew`` and ``next``, each a name or several.

    Raises
    ------
    KeyError
        A name that is not a value of a step.
    """

    def __init__(self, names: Sequence[str], options: Mapping[str, Any]) -> None:
        place = {name: i for i, name in enumerate(names)}
        self.size, self.gamma = int(options["size"]), float(options.get("gamma", 0.99))
        self.done = place["done"]
        self.rewards = [place[name] for name in as_names(options.get("rew"))]
        self.successors = [place[name] for name in as_names(options.get("next"))]
        self.steps: deque[list[Array]] = deque()

    def push(self, values: Sequence[Array]) -> list[Array] | None:
        """Add steps in order of time, and return the steps whose windows are now whole."""
        ready = []
        for row in range(len(values[0])):
            self.steps.append([value[row : row + 1].copy() for value in values])
            if len(self.steps) == self.size:
                ready.append(self._oldest())
        return _joined(ready)

    def flush(self) -> list[Array] | None:
        """Return all the steps that wait, with what there is of their windows."""
        return _joined([self._oldest() for _ in range(len(self.steps))])

    def _oldest(self) -> list[Array]:
        last = self.steps[-1]
        done, returns = last[self.done], [last[i] for i in self.rewards]
        for step in list(self.steps)[-2::-1]:
            discount = self.gamma * (1.0 - step[self.done])
            returns = [
                step[i] + discount * later for i, later in zip(self.rewards, returns, strict=True)
            ]
            done = np.maximum(step[self.done], done)
        oldest = self.steps.popleft()
        for i in self.successors:
            oldest[i] = last[i]
        for i, value in zip((self.done, *self.rewards), (done, *returns), strict=True):
            oldest[i] = value.astype(oldest[i].dtype, copy=False)
        return oldest


def _joined(ready: Sequence[list[Array]]) -> list[Array] | None:
    if len(ready) < 2:
        return ready[0] if ready else None
    return [np.concatenate(values) for values in zip(*ready, strict=True)]
