"""ReplayBuffer.prefetch: the batches that a thread draws ahead."""

from __future__ import annotations

from sharpwave import _core
from sharpwave._fork import watch_prefetch


def prefetch(
    self: _core.ReplayBuffer,
    batch_size: int,
    depth: int = 2,
    *,
    length: int | None = None,
    burn_in: int = 0,
    period: int = 1,
) -> _core.Prefetch:
    """Return an endless iterator of batches that a thread draws ahead.

    Parameters
    ----------
    batch_size : int
        As for :meth:`ReplayBuffer.sample`.
    depth : int
        How many batches wait at most. Each was drawn up to so many steps before it is used.
    length, burn_in, period : int, optional
        With ``length`` the batches are those of :meth:`ReplayBuffer.sample_sequences`.

    Returns
    -------
    iterator of Batch
        ``next()`` gives a batch that is the caller's own, as :meth:`ReplayBuffer.sample` does, and raises
        what the draw raised; then the next call draws again. ``close()``, the end of a ``with``
        block, and letting go of the iterator end the thread.

    Raises
    ------
    ValueError
        An argument out of its range. That the buffer is empty is told by ``next()``.

    Notes
    -----
    While nothing else uses the buffer, the batches are those of :meth:`ReplayBuffer.sample` from the same
    seed. Rows, ``weight`` and ``beta`` are as they were at the draw, and ``update_priorities``
    leaves rows alone that have been overwritten since. Rewards of relabelled goals are asked
    for in ``next()``, on its thread.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     100, observation_space=sw.Field((4,)), action_space=sw.Field((), "int64"), seed=0
    ... )
    >>> buffer.add([0.1, 0.2, 0.3, 0.4], 1, 1.0, [0.2, 0.2, 0.3, 0.4], False, False)
    >>> with buffer.prefetch(32) as batches:
    ...     for step, batch in zip(range(100), batches):
    ...         assert batch.obs.shape == (32, 4)
    """
    batches = _core.Prefetch(self, batch_size, depth, length, burn_in, period)
    watch_prefetch(batches)
    return batches
