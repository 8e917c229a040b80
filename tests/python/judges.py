"""What each sampler's draws must look like, judged batch by batch where chance leaves no choice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from model import PlainBuffer
from model_priorities import PlainPriorities, counts_of_strata, sequence_error

import sharpwave as sw


def judge_of(sampler: Any, model: PlainBuffer) -> AnyDraws | EachOnce | ByPriority:
    if isinstance(sampler, sw.Prioritized):
        return ByPriority(sampler, model)
    return EachOnce(model) if isinstance(sampler, sw.WithoutReplacement) else AnyDraws(sampler)


class AnyDraws:
    """Uniform and Recency: any stored row may be in any batch."""

    weights = False

    def __init__(self, sampler: Any) -> None:
        # Recency looks at fewer rows in every batch of a phase.
        self.sees_all = isinstance(sampler, sw.Uniform)

    def changed(self) -> None:
        """Rows have come or gone."""

    def forget_draws(self) -> None:
        """The buffer was drawn from by somebody else."""

    def drawable(self, rows: set[int]) -> set[int]:
        """Those of these stored rows that can be drawn."""
        return rows

    def judge(self, index: list[int], weight: Any, among: set[int] | None = None) -> None:
        """One batch; `among` are the rows where sequences may begin, when it is one of those."""

    def certain(self, stored: set[int], draws: int) -> set[int]:
        """Rows that a batch of so many draws must have, but for one chance in 1e12."""
        return stored if self.sees_all and draws >= 32 * len(stored) else set()


class EachOnce:
    """WithoutReplacement: while nothing changes, no row is two epochs ahead of another."""

    weights = False

    def __init__(self, model: PlainBuffer) -> None:
        self.model = model
        self.counts: Counter[int] = Counter()

    def changed(self) -> None:
        self.counts.clear()

    forget_draws = changed

    def drawable(self, rows: set[int]) -> set[int]:
        return rows

    def judge(self, index: list[int], weight: Any, among: set[int] | None = None) -> None:
        self.counts.update(index)
        if among is not None or not self.model.is_settled():
            self.counts.clear()
            return
        counts = [self.counts[row] for row in self.model.indices()]
        assert max(counts) - min(counts) <= 2, f"drawn {self.counts}"

    def certain(self, stored: set[int], draws: int) -> set[int]:
        return stored if draws >= 2 * len(stored) else set()


class ByPriority:
    """Prioritized: how often each row is drawn is known to within two draws, its weight exactly."""

    weights = True

    def __init__(self, sampler: Any, model: PlainBuffer) -> None:
        self.beta = sampler.beta
        self.normalize = sampler.normalize
        self.eta = sampler.eta
        self.model = model
        self.priorities = PlainPriorities(sampler.alpha, sampler.eps)

    def changed(self) -> None:
        self.priorities.follow(self.model.indices())

    def update(self, index: np.ndarray, td_error: np.ndarray) -> None:
        if index.ndim == 2:
            mask = index[:, index.shape[1] - td_error.shape[1] :] >= 0
            index, td_error = index[:, 0], sequence_error(td_error, mask, self.eta)
        self.priorities.update(index, td_error, self.model.added)

    def forget_draws(self) -> None:
        pass

    def drawable(self, rows: set[int]) -> set[int]:
        return {row for row in rows if self.priorities.p[row] > 0}

    def judge(self, index: list[int], weight: Any, among: set[int] | None = None) -> None:
        p = self.priorities.p
        assert all(p[row] > 0 for row in index), "drew a row without priority"
        if among is None and self.model.is_settled():
            assert counts_of_strata(p, index) == []
        if self.normalize == "batch" or self.model.is_settled():
            expected = self.priorities.weights(index, self.beta, self.normalize)
            np.testing.assert_allclose(weight, expected, rtol=1e-5)

    def certain(self, stored: set[int], draws: int) -> set[int]:
        part = sum(self.priorities.p[row] for row in stored) / draws
        return {row for row in stored if self.priorities.p[row] > 2.01 * part}
