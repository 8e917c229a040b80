"""Mix: one batch from several buffers, in exact proportions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpwave.batch import Batch
from sharpwave.field import Field
from sharpwave.replay_buffer import ReplayBuffer


class Mix:
    """Draw batches from several buffers in fixed proportions, as RLPD does (Ball et al. 2023).

    Parameters
    ----------
    shares : mapping of ReplayBuffer to float
        How much of every batch comes from each buffer, in any unit. The buffers are used as they
        are, not copied; all of them have the same observations, actions and extra fields.

    Raises
    ------
    ValueError
        No buffer, a share that is not a positive number, or buffers whose batches do not match.

    Notes
    -----
    Of ``batch_size`` rows each buffer gives its share, rounded; what was rounded is carried to the
    next batch, so that over many batches the proportions are exact. A batch has the buffers' rows
    in the order of ``shares``. ``weight``, where some buffer is prioritized, is each buffer's own,
    and 1 for the others. ``batch.index`` names a transition of the mix:
    ``index * len(buffers) + number of the buffer``.

    Examples
    --------
    >>> import sharpwave as sw
    >>> def made(reward):
    ...     buffer = sw.ReplayBuffer(
    ...         100, observation_space=sw.Field(), action_space=sw.Field(), seed=0
    ...     )
    ...     buffer.add(0.0, 0.0, reward, 1.0, False, False)
    ...     return buffer
    >>> online, offline = made(1.0), made(2.0)
    >>> sw.Mix({online: 0.5, offline: 0.5}).sample(4).reward
    array([1., 1., 2., 2.], dtype=float32)
    """

    def __init__(self, shares: Mapping[ReplayBuffer, float]) -> None:
        if not shares:
            raise ValueError("shares: expected at least one buffer")
        for buffer, share in shares.items():
            _check_share(buffer, share)
        self.buffers = tuple(shares)
        _check_alike(self.buffers)
        total = math.fsum(shares.values())
        self._shares = np.array([share / total for share in shares.values()])
        self._carried = np.zeros(len(self.buffers))

    def sample(self, batch_size: int) -> Batch:
        """Draw a batch; shapes and columns are those of :meth:`ReplayBuffer.sample`.

        Raises
        ------
        ValueError
            A ``batch_size`` below 1, or an empty buffer whose turn it is.
        """
        return self._mixed(batch_size, lambda buffer, count: buffer.sample(count))

    def sample_sequences(
        self, batch_size: int, length: int, burn_in: int = 0, period: int = 1
    ) -> Batch:
        """Draw sequences; arguments and columns are those of the buffers' own method."""
        return self._mixed(
            batch_size,
            lambda buffer, count: buffer.sample_sequences(count, length, burn_in, period),
        )

    def update_priorities(self, index: NDArray[np.int64], td_error: Any) -> None:
        """Give transitions of the prioritized buffers new priorities; others are left alone.

        Parameters
        ----------
        index : ndarray of int64, shape (B,) or (B, T)
            ``batch.index`` of a batch of this mix.
        td_error : array of float
            As for :meth:`ReplayBuffer.update_priorities`.

        Raises
        ------
        ValueError
            A td_error that is not finite, or an index that was never handed out.
        """
        names = np.asarray(index)
        errors = np.asarray(td_error, dtype=np.float64)
        if not np.isfinite(errors).all():
            raise ValueError(f"td_error: expected finite values, got {errors!r}")
        first = names if names.ndim == 1 else names[:, 0]
        number = len(self.buffers)
        for k, buffer in enumerate(self.buffers):
            own = first % number == k
            if own.any() and hasattr(buffer.sampler, "beta"):
                chosen = names[own]
                buffer.update_priorities(np.where(chosen < 0, -1, chosen // number), errors[own])

    def state_dict(self) -> dict[str, list[float]]:
        """Return what was rounded so far; the buffers are saved on their own."""
        return {"carried": self._carried.tolist()}

    def load_state_dict(self, state: Mapping[str, list[float]]) -> None:
        """Go on with proportions where the mix that ``state`` was read from stood."""
        self._carried = np.array(state["carried"])

    def __len__(self) -> int:
        return sum(len(buffer) for buffer in self.buffers)

    def __repr__(self) -> str:
        parts = (f"{s:.3g} of {b!r}" for s, b in zip(self._shares, self.buffers, strict=True))
        return f"Mix({'; '.join(parts)})"

    def _mixed(self, batch_size: int, draw: Callable[[ReplayBuffer, int], Batch]) -> Batch:
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size!r}")
        counts, carried = self._counts(batch_size)
        drawn = [
            (number, draw(self.buffers[number], int(count)))
            for number, count in enumerate(counts)
            if count
        ]
        self._carried = carried
        return _joined(drawn, len(self.buffers))

    def _counts(self, batch_size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return how many rows each buffer gives now, and what it is owed after that."""
        owed = self._carried + self._shares * batch_size
        counts = np.maximum(np.floor(owed), 0).astype(np.int64)
        missing = batch_size - int(counts.sum())
        # The sum of what is owed is batch_size: at most one row a buffer is missing.
        for number in np.argsort(counts - owed, kind="stable")[:missing]:
            counts[number] += 1
        return counts, owed - counts


def _joined(drawn: list[tuple[int, Batch]], number: int) -> Batch:
    columns: dict[str, Any] = {}
    names = {name: None for _, batch in drawn for name in batch.keys()}  # noqa: SIM118
    for name in names:
        if name == "weight":
            columns[name] = np.concatenate([_weight(batch) for _, batch in drawn])
        elif name == "index":
            columns[name] = np.concatenate([_named(b.index, k, number) for k, b in drawn])
        else:
            columns[name] = _concatenated([batch[name] for _, batch in drawn])
    return Batch(columns)


def _weight(batch: Batch) -> NDArray[np.float32]:
    if "weight" in batch:
        weight: NDArray[np.float32] = batch.weight
        return weight
    return np.ones(len(batch), np.float32)


def _named(index: NDArray[np.int64], k: int, number: int) -> NDArray[np.int64]:
    return np.where(index < 0, -1, index * number + k)


def _concatenated(nests: list[Any]) -> Any:
    first = nests[0]
    if isinstance(first, dict):
        return {key: _concatenated([nest[key] for nest in nests]) for key in first}
    if isinstance(first, tuple):
        return tuple(_concatenated(list(nest)) for nest in zip(*nests, strict=True))
    return np.concatenate(nests)


def _check_share(buffer: object, share: float) -> None:
    if not isinstance(buffer, ReplayBuffer) or not 0 < share < math.inf:
        raise ValueError(
            f"shares: expected positive numbers by sharpwave.ReplayBuffer, got {share!r} for "
            f"{buffer!r}"
        )


def _check_alike(buffers: tuple[ReplayBuffer, ...]) -> None:
    wanted = _sampled(buffers[0].fields)
    for buffer in buffers[1:]:
        if _sampled(buffer.fields) != wanted:
            raise ValueError(
                "shares: expected buffers with the same observations, actions and extra fields, "
                f"got {wanted} and {_sampled(buffer.fields)}"
            )


def _sampled(fields: Any) -> Any:
    """What of a tree of fields shows in a batch."""
    if isinstance(fields, Field):
        return (fields.shape, str(fields.dtype if fields.sample_as is None else fields.sample_as))
    if isinstance(fields, dict):
        return {key: _sampled(child) for key, child in fields.items()}
    return tuple(_sampled(child) for child in fields)
