"""Reservoir: what may be stored when every row ever added had the same chance to stay.

Which rows stay is chance, so this model keeps every row that may still be there, and learns from a
complete look at the buffer which of them are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from model import Kept, PlainBuffer


class PlainReservoir(PlainBuffer):
    """A sample of at most `capacity // num_envs` rows of each environment, drawn by chance."""

    def __len__(self) -> int:
        return sum(min(self.rows_each, len(rows)) for rows in self.kept)

    def _keep(self, env: int, row: Kept) -> None:
        self.kept[env].append(row)

    def window(self, index: int) -> list[Kept]:
        """The row itself: which rows its neighbours are is chance."""
        return self.after(index)[:1]

    def is_settled(self) -> bool:
        """Every row that may be stored is."""
        return len(self) == sum(len(rows) for rows in self.kept)

    def settle(self, stored: Iterable[int]) -> None:
        """These rows are stored; the others are gone and never come back."""
        found = set(stored)
        assert len(found) == len(self)
        for env, rows in enumerate(self.kept):
            left = deque(row for row in rows if row.index in found)
            assert len(left) == min(self.rows_each, len(rows)), f"environment {env} lost rows"
            self.kept[env] = left
