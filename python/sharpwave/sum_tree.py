"""SumTree: a number for each place, and places drawn in proportion to their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpwave import _core
from sharpwave.draws import Source, seed_of_call


class SumTree(_core.SumTree):
    """Priorities by place, what prioritized buffers with books of their own are built on.

    :class:`sharpwave.Prioritized` is the sampler of :class:`sharpwave.ReplayBuffer`; this is the
    tree below it, for the adapters in ``sharpwave.compat`` and for buffers of your own.

    Parameters
    ----------
    leaves : int
        How many places there are, all of them 0 at first.
    smallest : bool, default False
        Whether :attr:`smallest` is wanted; it costs a little at each update.

    Raises
    ------
    ValueError
        A place outside the tree, a value that is negative or not finite. Nothing was changed.

    Notes
    -----
    - ``tree[places]`` reads float32 values and ``tree[places] = values`` sets them, where places
      are an array of integers; of equal places the last one counts.
    - ``prioritize(places, td_error, alpha, eps)`` sets ``(|td_error| + eps) ** alpha`` and returns
      the smallest and the largest priority that it set.
    - ``weigh(places, beta, smallest=None)`` returns ``(smallest / priority) ** beta``, Schaul et
      al. 2016, 3.4; without ``smallest`` that of these places.
    - ``find(mass)`` returns the places in which parts of the total lie.
    - ``total`` is recomputed at each change and does not drift.

    Examples
    --------
    >>> import numpy as np
    >>> from sharpwave.sum_tree import SumTree
    >>> tree = SumTree(1000)
    >>> tree[np.array([3, 700])] = [1.0, 3.0]
    >>> tree.total
    4.0
    >>> sorted(tree.draw(4).tolist())
    [3, 700, 700, 700]
    """

    def draw(self, count: int, source: Source | None = None) -> NDArray[np.int64]:
        """Return places, one from each of ``count`` equal parts of the total.

        Parameters
        ----------
        count : int
        source : Source, optional
            Where the seed of this call is taken from, by default NumPy's global generator.

        Raises
        ------
        ValueError
            A tree in which every number is 0.
        """
        return self._draw(count, seed_of_call(source))

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), len(self), self.has_smallest, self[np.arange(len(self))])


def _made(cls: type[SumTree], leaves: int, smallest: bool, values: NDArray[np.float32]) -> SumTree:
    tree = cls(leaves, smallest=smallest)
    tree[np.arange(leaves)] = values
    return tree
