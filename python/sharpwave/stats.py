"""Stats: a buffer's memory, its rows and what its sampler draws, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """What :meth:`ReplayBuffer.stats` found; ``print(stats)`` shows a table.

    Ages, the effective number of rows and the share of duplicates are not counted while batches are
    drawn: they follow from the state of the sampler, and are exact expectations for a batch drawn
    now. What does not apply is None.

    Attributes
    ----------
    bytes : mapping of str to int
        What the memory is spent on. Each field by its name (of a stack, the references to its
        frames); beside them ``"frames of ..."``, ``"row flags"`` (ends, and where successors lie),
        ``"row padding"``, ``"side rows"`` (successors that are no row's observation),
        ``"episode table"``, ``"row names"`` (of a reservoir) and ``"the sampler"``. The sum is
        ``buffer.nbytes``.
    bytes_per_transition : float
        ``buffer.nbytes`` over the capacity.
    huge_page_bytes : int or None
        How much of the storage certainly lies in huge pages; None where the system does not tell.
    capacity, stored, added, evicted : int
        Transitions that fit, that are stored, that were stored or passed over by a reservoir since
        the buffer was made, and that are gone again: overwritten, passed over, or cleared.
    fill : float
        ``stored / capacity``.
    episodes : int or None
        Of which some row is stored. None in a reservoir, whose rows have no neighbours.
    mean_age, median_age, max_age : float, int, int or None
        How many transitions a drawn row's environment has added since: 0 for the newest. The
        median is the smallest age that at least half of the draws do not exceed. None where no row
        can be drawn.
    duplicate_share : float or None
        The expected share of rows that a batch, as large as the last one, has already. None before
        the first batch.
    priority_decades : mapping of int to int, or None
        How many rows have ``10**k <= priority < 10**(k + 1)``, by ``k``; of ranks the priority is
        ``(1 / rank)**alpha``. None without priorities, as the two below.
    zero_priorities : int or None
        Rows that are never drawn.
    effective_rows : float or None
        ``sum(p)**2 / sum(p**2)``: how many rows of equal priority would be as many.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     4, observation_space=sw.Field(), action_space=sw.Field(),
    ...     sampler=sw.Prioritized(alpha=1.0, eps=0.0), seed=0,
    ... )
    >>> buffer.extend([0, 1], [0, 0], [0, 0], [1, 2], [False, False], [False, False])
    >>> buffer.update_priorities([0, 1], [1.0, 3.0])
    >>> stats = buffer.stats()
    >>> stats.fill, stats.mean_age, stats.effective_rows
    (0.5, 0.25, 1.6)
    """

    bytes: Mapping[str, int]
    huge_page_bytes: int | None
    capacity: int
    stored: int
    added: int
    episodes: int | None = None
    mean_age: float | None = None
    median_age: int | None = None
    max_age: int | None = None
    duplicate_share: float | None = None
    priority_decades: Mapping[int, int] | None = None
    zero_priorities: int | None = None
    effective_rows: float | None = None

    @property
    def bytes_per_transition(self) -> float:
        """``buffer.nbytes`` over the capacity."""
        return sum(self.bytes.values()) / self.capacity

    @property
    def evicted(self) -> int:
        """How many transitions are gone: overwritten, passed over by a reservoir, or cleared."""
        return self.added - self.stored

    @property
    def fill(self) -> float:
        """``stored / capacity``."""
        return self.stored / self.capacity

    def __str__(self) -> str:
        lines = [*_rows(self), *_memory(self), *_draws(self), *_priorities(self)]
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name:<{width}}  {value}" if value else name for name, value in lines)


Line = tuple[str, str]


def _rows(stats: Stats) -> Iterator[Line]:
    yield "transitions", ""
    yield "  stored", f"{stats.stored} of {stats.capacity} ({stats.fill:.1%})"
    yield "  added", f"{stats.added}, of which {stats.evicted} are gone"
    if stats.episodes is not None:
        yield "  episodes", f"{stats.episodes}"


def _memory(stats: Stats) -> Iterator[Line]:
    yield "memory", ""
    for name, count in stats.bytes.items():
        if count:
            yield f"  {name}", _readable(count)
    yield "  in all", _readable(sum(stats.bytes.values()))
    yield "  a transition", f"{stats.bytes_per_transition:.1f} bytes"
    if stats.huge_page_bytes is not None:
        yield "  in huge pages", _readable(stats.huge_page_bytes)


def _draws(stats: Stats) -> Iterator[Line]:
    if stats.mean_age is None:
        return
    yield "a batch drawn now", ""
    yield "  mean age", f"{stats.mean_age:.1f} steps"
    yield "  median age", f"{stats.median_age} steps"
    yield "  oldest", f"{stats.max_age} steps"
    if stats.duplicate_share is not None:
        yield "  duplicates", f"{stats.duplicate_share:.2%}"


def _priorities(stats: Stats) -> Iterator[Line]:
    if stats.priority_decades is None:
        return
    yield "priorities of rows", ""
    if stats.zero_priorities:
        yield "  0", f"{stats.zero_priorities}"
    for k, count in sorted(stats.priority_decades.items()):
        yield f"  1e{k} to 1e{k + 1}", f"{count}"
    yield "  effective rows", f"{stats.effective_rows:.1f}"


def _readable(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
