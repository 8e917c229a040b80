"""Priorities: what prioritized replay means, written as one dictionary.

Schaul et al. 2016, "Prioritized Experience Replay": p = (|td_error| + eps)^alpha, rows drawn with
probability p / Σp, and weighed by (N p / Σp)^-beta over the largest weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


class PlainPriorities:
    """The priority of each stored row, by index."""

    def __init__(self, alpha: float = 0.6, eps: float = 1e-6) -> None:
        self.alpha = alpha
        self.eps = eps
        self.p: dict[int, float] = {}
        self.largest = 1.0

    def follow(self, stored: Iterable[int]) -> None:
        """Rows that are new get the largest priority given so far, as of now."""
        self.p = {index: self.p.get(index, self.largest) for index in stored}

    def update(self, index: Any, td_error: Any, added: Sequence[int]) -> None:
        """Of a row that is named twice the later value stays; rows that are gone are ignored.

        `added` says how many rows each environment ever added.
        """
        index, td_error = np.asarray(index), np.asarray(td_error)
        check_update(index, td_error, added)
        for row, error in zip(index.tolist(), td_error.tolist(), strict=True):
            if row in self.p:
                self.p[row] = (abs(error) + self.eps) ** self.alpha
                self.largest = max(self.largest, self.p[row])

    def weights(self, index: Sequence[int], beta: float, normalize: str) -> np.ndarray:
        """(N p / Σp)^-beta over the largest; N and Σp are in both and cancel."""
        drawn = np.array([self.p[row] for row in index])
        p = list(self.p.values()) if normalize == "buffer" else drawn.tolist()
        smallest = min(value for value in p if value > 0)
        return (smallest / drawn) ** beta

    def total(self) -> float:
        return sum(self.p.values())


def check_update(index: np.ndarray, td_error: np.ndarray, added: Sequence[int]) -> None:
    if index.shape != td_error.shape:
        raise ValueError("as many td_error as indices")
    if not np.isfinite(td_error).all():
        raise ValueError("td_error is finite")
    for row in index.tolist():
        if row < 0 or row // len(added) >= added[row % len(added)]:
            raise ValueError(f"{row} was never handed out")


def sequence_error(td_error: Any, mask: Any, eta: float) -> np.ndarray:
    """One error for each sequence out of those of its rows.

    Kapturowski et al. 2019, "Recurrent Experience Replay in Distributed Reinforcement Learning":
    eta times the largest and 1 - eta times the mean of the absolute errors.
    """
    mixed = []
    for errors, real in zip(np.abs(np.asarray(td_error, "float64")), mask, strict=True):
        mixed.append(eta * errors[real].max() + (1 - eta) * errors[real].mean())
    return np.array(mixed)


def counts_of_strata(p: dict[int, float], drawn: Sequence[int]) -> list[str]:
    """What is wrong with the counts of one batch of stratified draws.

    One draw falls into each of len(drawn) equal parts of the total. A row that is x parts wide
    covers more than x - 2 of them and touches fewer than x + 2, wherever it lies.
    """
    part = sum(p.values()) / len(drawn)
    wrong = []
    for row, priority in p.items():
        width, count = priority / part, drawn.count(row)
        if abs(count - width) >= 2 + 1e-4 * width or (count and not priority):
            wrong.append(f"row {row} is {width:.3f} parts wide and was drawn {count} times")
    return wrong
