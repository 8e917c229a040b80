"""How rows are drawn, and which of them stay. These are descriptions; the buffer holds the state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias


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


@dataclass
class Prioritized:
    """Draw rows in proportion to their priority (Schaul et al. 2016, proportional variant).

    A row has priority ``(abs(td_error) + eps) ** alpha`` by its last update, and before the largest
    one given until it was added, at first 1. Each of ``batch_size`` equal parts of the sum of all
    gives one draw. ``batch.weight`` is ``(N * P) ** -beta``, divided by the largest of them.

    Parameters
    ----------
    alpha : float
        0 draws uniformly, 1 in proportion to the errors.
    beta : float
        How much of the bias is taken out by the weights, 1 for all. May be set at any time:
        ``buffer.sampler.beta = 0.5``.
    eps : float
        Added to each error. With 0, rows without error are never drawn.
    normalize : {"batch", "buffer"}
        Divide weights by the largest one in the batch, or of all rows that can be drawn.
    eta : float
        Of sequences: the share of the largest error against the mean (Kapturowski et al. 2019).

    Raises
    ------
    ValueError
        A number outside its range.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     100, observation_space=sw.Field(), action_space=sw.Field(),
    ...     sampler=sw.Prioritized(alpha=1.0, eps=0.0), seed=0,
    ... )
    >>> buffer.extend([0, 1], [0, 0], [0, 0], [1, 2], [False, False], [False, False])
    >>> buffer.update_priorities([0, 1], [0.0, 2.0])
    >>> buffer.sample(4).index
    array([1, 1, 1, 1])
    """

    alpha: float = 0.6
    beta: float = 0.4
    eps: float = 1e-6
    normalize: str = "batch"
    eta: float = 0.9

    kind: ClassVar[str] = "prioritized"

    def __setattr__(self, name: str, value: object) -> None:
        _set(self, name, value)


@dataclass
class RankPrioritized:
    """Draw rows by the rank of their error (Schaul et al. 2016, rank-based variant).

    The row with the r-th largest ``abs(td_error)`` is drawn in proportion to ``r ** -alpha``; a few
    huge errors count no more than their ranks. New rows have the largest error given until then.
    Ranks are exact at every draw; of equal errors, the row that lies first in memory comes first.

    Parameters
    ----------
    alpha : float
        0 draws uniformly.
    beta, normalize, eta
        As for :class:`Prioritized`.

    Raises
    ------
    ValueError
        A number outside its range.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     100, observation_space=sw.Field(), action_space=sw.Field(),
    ...     sampler=sw.RankPrioritized(alpha=1.0, beta=1.0), seed=0,
    ... )
    >>> buffer.extend([0, 1], [0, 0], [0, 0], [1, 2], [False, False], [False, False])
    >>> buffer.update_priorities([0, 1], [0.1, 99.0])
    >>> batch = buffer.sample(3)
    >>> batch.index, batch.weight
    (array([1, 1, 0]), array([0.5, 0.5, 1. ], dtype=float32))
    """

    alpha: float = 0.7
    beta: float = 0.5
    normalize: str = "batch"
    eta: float = 0.9

    kind: ClassVar[str] = "rank_prioritized"

    def __setattr__(self, name: str, value: object) -> None:
        _set(self, name, value)


def _set(sampler: Prioritized | RankPrioritized, name: str, value: object) -> None:
    """Set what may be set: everything once, and beta at any time."""
    if name != "beta" and name in sampler.__dict__:
        raise AttributeError(f"{name} is fixed when the buffer is made; only beta can be set")
    if name == "normalize":
        if value not in ("batch", "buffer"):
            raise ValueError(f"normalize: expected 'batch' or 'buffer', got {value!r}")
    elif not (isinstance(value, (int, float)) and 0.0 <= value < math.inf):
        raise ValueError(f"{name}: expected a finite number of at least 0, got {value!r}")
    elif name == "eta" and value > 1:
        raise ValueError(f"eta: expected a number from 0 to 1, got {value!r}")
    object.__setattr__(sampler, name, value)


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


Sampler: TypeAlias = "Uniform | Prioritized | RankPrioritized | WithoutReplacement | Recency"
