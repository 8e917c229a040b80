"""diagnose(): looks through a buffer for the mistakes that no error message tells of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpwave._bounds import Bounds, bounds_of
from sharpwave._nest import named_leaves
from sharpwave.batch import Batch
from sharpwave.diagnosis import Diagnosis, Finding
from sharpwave.replay_buffer import ReplayBuffer

Bools = NDArray[np.bool_]
Index = NDArray[np.int64]

# The flags of a listing, as in listing.hpp.
_TERMINATED, _TRUNCATED, _CUT, _HAS_NEXT, _CONTINUES = 1, 2, 4, 8, 16

_SHOWN = 5  # indices of a finding
_CHUNK_BYTES = 16 << 20
_CHUNK_ROWS = 1 << 16
# Below these numbers chance would do as an explanation.
_FEW_ROWS = 100
_FEW_EPISODES = 10
_LONG_EPISODE = 10_000


def diagnose(
    buffer: ReplayBuffer, *, observation_space: Any = None, action_space: Any = None
) -> Diagnosis:
    """Look through the stored transitions for mistakes that no error message tells of.

    Parameters
    ----------
    buffer : ReplayBuffer
        Is not changed. Rows that others overwrite meanwhile are left out.
    observation_space, action_space : optional
        Where sampled values should lie; by default in the spaces that the buffer was made with.
        A :class:`Field` has no bounds, and neither has a buffer that was loaded.

    Returns
    -------
    Diagnosis
        A sequence of :class:`Finding`, empty where nothing was found.

    Notes
    -----
    Transitions are taken as they were added, whatever ``n_step`` and hindsight make of them. In a
    reservoir rows have no neighbours, so only their values are looked at.

    Examples
    --------
    A loop that resets the environment in the middle of an episode and does not say so:

    >>> import numpy as np, sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     100, observation_space=sw.Field(), action_space=sw.Field((), "int64"), seed=0
    ... )
    >>> for t in (0, 1, 2, 0, 1):
    ...     buffer.add(float(t), 0, 1.0, float(t + 1), False, False)
    >>> diagnosis = sw.diagnose(buffer)
    >>> diagnosis[0].kind, diagnosis[0].index
    ('broken_episode', (2,))
    """
    bounds = buffer._bounds
    if observation_space is not None:
        bounds = bounds | bounds_of(observation_space, "obs")
    if action_space is not None:
        bounds = bounds | bounds_of(action_space, "action")
    index, flags = buffer._listing()
    if not len(index):
        return Diagnosis((), 0)
    scan = _Scan(bounds)
    for rows, chunk_flags, batch in _chunks(buffer, index, flags):
        scan.look(rows, chunk_flags, batch)
    found = [
        *_seams(buffer, index, flags, scan),
        *_breaks(index, flags),
        *scan.findings(),
        *_ends(index, flags, buffer.num_envs),
    ]
    return Diagnosis(tuple(found), len(index))


def _finding(kind: str, message: str, index: Index) -> Finding:
    return Finding(kind, message, len(index), tuple(index[:_SHOWN].tolist()))


def _chunks(
    buffer: ReplayBuffer, index: Index, flags: NDArray[np.uint8]
) -> Iterator[tuple[Index, NDArray[np.uint8], Batch]]:
    """The transitions as they were added, some at a time."""
    at = 0
    size = 1
    while at < len(index):
        rows, chunk_flags = index[at : at + size], flags[at : at + size]
        at += size
        while len(rows):
            try:
                batch = buffer.rows(rows, n_step=1)
            except ValueError:
                is_left = np.isin(rows, buffer._listing()[0])
                if is_left.all():
                    raise
                rows, chunk_flags = rows[is_left], chunk_flags[is_left]
                continue
            yield rows, chunk_flags, batch
            size = _chunk_size(batch)
            break


def _chunk_size(batch: Batch) -> int:
    size = sum(int(column.nbytes) for _, column in named_leaves("", vars(batch)))
    return max(1, min(_CHUNK_ROWS, _CHUNK_BYTES * len(batch) // size))


@dataclass
class _Tally:
    """Which transitions something was seen in."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, rows: Index) -> None:
        self.count += len(rows)
        self.first += rows[: _SHOWN - len(self.first)].tolist()

    def finding(self, kind: str, message: str) -> Finding:
        return Finding(kind, message, self.count, tuple(self.first))


class _Scan:
    """What is seen of the values, column by column, as the chunks go by."""

    def __init__(self, bounds: dict[str, Bounds]) -> None:
        self.bounds = bounds
        self.rows = _Tally()
        self.not_finite: dict[str, _Tally] = {}
        self.out_of_bounds: dict[str, _Tally] = {}
        # Columns that have not changed yet, with their first value.
        self.constant: dict[str, NDArray[Any]] = {}
        self.obs: list[str] = []

    def look(self, rows: Index, flags: NDArray[np.uint8], batch: Batch) -> None:
        columns = vars(batch).items()
        fields = [
            leaf
            for name, nest in columns
            if name not in _NOT_FIELDS
            for leaf in named_leaves(name, nest)
        ]
        if not self.rows.count:
            self.constant = {path: column[:1].copy() for path, column in fields}
            self.obs = [path for path, _ in named_leaves("obs", batch.obs)]
        self.rows.add(rows)
        for path, column in fields:
            self._look_at(path, path, rows, column)
            self._compare(path, column)
        # Successors that are another row's obs have been seen there.
        apart = flags & _CONTINUES == 0
        for path, column in named_leaves("next_obs", batch.next_obs):
            self._look_at(path, path.removeprefix("next_"), rows[apart], column[apart])

    def _look_at(self, path: str, like: str, rows: Index, column: NDArray[Any]) -> None:
        if column.dtype.kind in "fc" and not np.isfinite(column).all():
            bad = ~_every_row(np.isfinite(column))
            self.not_finite.setdefault(path, _Tally()).add(rows[bad])
        if like in self.bounds:
            low, high = self.bounds[like]
            # NaN is no number outside; it has been seen above.
            outside = (column < low) | (column > high)
            if outside.any():
                bad = ~_every_row(~outside)
                self.out_of_bounds.setdefault(path, _Tally()).add(rows[bad])

    def _compare(self, path: str, column: NDArray[Any]) -> None:
        if path in self.constant and not _all_same(column, self.constant[path]):
            del self.constant[path]

    def is_obs_constant(self) -> bool:
        return all(path in self.constant for path in self.obs)

    def findings(self) -> Iterator[Finding]:
        for path, tally in sorted(self.not_finite.items()):
            yield tally.finding("not_finite", f"{path} is NaN or infinite. {_NOT_FINITE}")
        for path, tally in sorted(self.out_of_bounds.items()):
            low, high = self.bounds[path.removeprefix("next_")]
            limits = f"{np.min(low)} to {np.max(high)}"
            yield tally.finding(
                "out_of_bounds", f"{path} lies outside its space, {limits}. {_OUT_OF_BOUNDS}"
            )
        if self.rows.count < _FEW_ROWS:
            return
        for path, value in self.constant.items():
            if path == "reward" and not value.any():
                yield self.rows.finding("zero_reward", _ZERO_REWARD)
            elif path != "reward":
                yield self.rows.finding("constant", f"{path} never changes. {_CONSTANT}")


_NOT_FIELDS = {"next_obs", "terminated", "truncated", "discount", "index", "weight"}

_NOT_FINITE = (
    "One such row turns a network's weights into NaN: look for the division, the logarithm or the "
    "diverged policy that it comes from, and do not add the row."
)
_OUT_OF_BOUNDS = (
    "Either the space is wrong, or what was added is not what the environment speaks of: swapped "
    "arguments, values normalized or not, an action that starts at 1."
)
_CONSTANT = (
    "A network learns nothing from it: look whether the array was filled at all, or leave the "
    "field out."
)
_ZERO_REWARD = (
    "Every reward is 0, so there is nothing to learn yet: look whether the right variable is "
    "passed to add(), or whether exploration ever finds a reward."
)


def _every_row(values: Bools) -> Bools:
    return np.asarray(values.reshape(len(values), -1).all(axis=1))


def _all_same(column: NDArray[Any], value: NDArray[Any]) -> bool:
    # By their bits: NaN is itself.
    as_bytes = np.ascontiguousarray(column).reshape(len(column), -1).view(np.uint8)
    return bool((as_bytes == value.reshape(1, -1).view(np.uint8)).all())


def _breaks(index: Index, flags: NDArray[np.uint8]) -> Iterator[Finding]:
    goes_on = flags & (_HAS_NEXT | _TERMINATED | _TRUNCATED | _CUT) == _HAS_NEXT
    broken = goes_on & (flags & _CONTINUES == 0)
    if broken.any():
        yield _finding("broken_episode", _BROKEN, index[broken])


_BROKEN = (
    "The next row's obs is not this row's next_obs, and no episode ended between them. Where the "
    "environment was reset in the middle of an episode, call buffer.end_episode(); where steps "
    "were left out, or rows of several environments were added to one stream, n-step returns and "
    "sequences run across the gap: pass num_envs and env_ids."
)


def _seams(
    buffer: ReplayBuffer, index: Index, flags: NDArray[np.uint8], scan: _Scan
) -> Iterator[Finding]:
    """Episodes that seem to go on behind their end: the next row begins with their last obs."""
    ends = (flags & (_TERMINATED | _TRUNCATED) != 0) & (flags & _HAS_NEXT != 0)
    seams = np.flatnonzero(ends & (flags & _CONTINUES != 0))
    # Few observations may be equal by chance, and a constant one always is.
    if not len(seams) or 2 * len(seams) < ends.sum() or scan.is_obs_constant():
        return
    before, behind = (_moves(buffer, index[seams] + step) for step in (0, buffer.num_envs))
    if before.distance >= behind.distance:
        has_info = buffer.autoreset == "same_step"
        yield _finding("final_obs", _REUSED if has_info else _SAME_STEP, index[seams])
        return
    is_end = np.isin(behind.index, index[flags & (_TERMINATED | _TRUNCATED) != 0])
    is_idle = (behind.reward == 0) & ~is_end
    if is_idle.any():
        yield _finding("reset_row", _RESET_ROW, behind.index[is_idle])
    if not is_idle.all():
        yield _finding("stale_obs", _STALE, behind.index[~is_idle])


_RESET_ROW = (
    "These rows follow an end, begin with the final observation and have reward 0: they are the "
    "resets of a next-step vector environment, stored as transitions. Make the buffer with "
    'autoreset="next_step", or with ReplayBuffer.for_env(env, ...), which reads it off.'
)
_STALE = (
    "These rows follow an end and still begin with the final observation. After env.reset() take "
    "the obs that it returns."
)
_SAME_STEP = (
    "The next_obs of these ended rows is the next episode's first observation, as a same-step "
    'vector environment returns it. Make the buffer with autoreset="same_step", or with '
    "ReplayBuffer.for_env(env, ...), and pass the info that step() returned."
)
_REUSED = (
    "The final observation of these ended rows is the next episode's first observation: the "
    "environment fills one array again and again, and info has that array. Have it return a copy, "
    "or the vector environment made with copy=True."
)


@dataclass
class _Moves:
    """Some rows, their rewards, and how far their observations move in all."""

    index: Index
    reward: NDArray[np.float32]
    distance: float


def _moves(buffer: ReplayBuffer, index: Index) -> _Moves:
    parts = [
        (rows, batch.reward.copy(), _distance(batch))
        for rows, _, batch in _chunks(buffer, index, np.zeros(len(index), np.uint8))
    ]
    if not parts:
        return _Moves(index[:0], np.zeros(0, np.float32), 0.0)
    rows, rewards, distances = zip(*parts, strict=True)
    return _Moves(np.concatenate(rows), np.concatenate(rewards), sum(distances))


def _distance(batch: Batch) -> float:
    pairs = zip(named_leaves("", batch.obs), named_leaves("", batch.next_obs), strict=True)
    total = 0.0
    for (_, obs), (_, successor) in pairs:
        if obs.dtype.kind != "c":
            with np.errstate(invalid="ignore", over="ignore"):
                moved = np.abs(successor.astype(np.float64) - obs)
                total += float(moved[np.isfinite(moved)].sum())
    return total


def _ends(index: Index, flags: NDArray[np.uint8], num_envs: int) -> Iterator[Finding]:
    truncated = flags & _TRUNCATED != 0
    if (flags & _TERMINATED).any():
        return
    if truncated.sum() >= _FEW_EPISODES:
        yield _finding("never_terminated", _NEVER_TERMINATED, index[truncated])
    elif not (flags & (_TRUNCATED | _CUT)).any():
        longest = np.bincount(index % num_envs).argmax()
        rows = index[index % num_envs == longest]
        if len(rows) >= _LONG_EPISODE:
            yield _finding("endless_episode", _ENDLESS, rows)


_NEVER_TERMINATED = (
    "Episodes end, but only truncated, never terminated: every target bootstraps. That is right "
    "for a task without an end of its own; otherwise look whether done was passed as truncated."
)
_ENDLESS = (
    "No episode ever ends: neither terminated nor truncated was set, nor end_episode() called. "
    "That is right for a task that goes on for ever; otherwise look which flags are passed to add()."
)
