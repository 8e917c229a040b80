"""How rows are drawn, and which of them stay. These are descriptions; the buffer holds the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Uniform:
    """Draw every stored row with the same probability, with replacement.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Uniform()
    Uniform()
    """

    kind: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class WithoutReplacement:
    """Draw every stored row once an epoch, in random order.

    A row that is added during an epoch joins it. When the last row of an epoch has been drawn the
    next one begins, be it in the middle of a batch.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     100, observation_space=sw.Field(), action_space=sw.Field(),
    ...     sampler=sw.WithoutReplacement(), seed=0,
    ... )
    >>> buffer.extend([0, 1, 2], [0, 0, 0], [0, 0, 0], [1, 2, 3], [False] * 3, [False] * 3)
    >>> sorted(buffer.sample(3).index.tolist())
    [0, 1, 2]
    """

    kind: ClassVar[str] = "without_replacement"


@dataclass(frozen=True)
class Recency:
    """Emphasize recent experience (ERE; Wang & Ross 2019, arXiv:1906.04009).

    Batch ``k`` of a phase of ``updates`` batches is drawn uniformly from the newest
    ``max(capacity * eta ** (1000 * k / updates), min_rows)`` rows; then a new phase begins. With
    several environments it is the same fraction of each one's rows.

    Parameters
    ----------
    eta : float
        Above 0 and at most 1; 1 draws uniformly.
    min_rows : int
        How few rows are drawn from at least.
    updates : int
        How many batches a phase has.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Recency(eta=0.99, min_rows=1000, updates=200)
    Recency(eta=0.99, min_rows=1000, updates=200)
    """

    eta: float = 0.996
    min_rows: int = 5000
    updates: int = 1000

    kind: ClassVar[str] = "recency"

    def __post_init__(self) -> None:
        if not 0.0 < self.eta <= 1.0:
            raise ValueError(f"eta: expected a number above 0 and at most 1, got {self.eta!r}")
        for name in ("min_rows", "updates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class Reservoir:
    """Keep a uniform sample of all that was ever added (Vitter 1985), in place of the latest rows.

    Pass it as ``insertion=``. Every transition an environment added is stored with the same
    probability. A row that is kept need not have its neighbours, so it is a window of its own.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Reservoir()
    Reservoir()
    """


Sampler = Uniform | WithoutReplacement | Recency
