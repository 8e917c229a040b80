"""Diagnosis: what the doctor found, as values and as a letter."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong in a buffer.

    Attributes
    ----------
    kind : str
        A word for programs: ``reset_row``, ``stale_obs``, ``final_obs``, ``broken_episode``,
        ``not_finite``, ``out_of_bounds``, ``constant``, ``zero_reward``, ``never_terminated`` or
        ``endless_episode``.
    message : str
        What, where, and what to do.
    count : int
        How many transitions it is about.
    index : tuple of int
        The first few of them, as in ``batch.index``: ``buffer.rows(finding.index)`` shows them.

    Examples
    --------
    >>> import sharpwave as sw
    >>> sw.Finding("zero_reward", "every reward is 0", 500, (0, 1, 2)).kind
    'zero_reward'
    """

    kind: str
    message: str
    count: int
    index: tuple[int, ...]


@dataclass(frozen=True)
class Diagnosis(Sequence[Finding]):
    """The findings of :func:`sharpwave.diagnose`, a sequence; ``print`` shows a letter.

    Attributes
    ----------
    findings : tuple of Finding
        Most serious first. Empty where nothing was found.
    transitions : int
        How many were looked at.

    Examples
    --------
    >>> import sharpwave as sw
    >>> print(sw.Diagnosis((), 500))
    500 transitions were looked at, and nothing was found.
    """

    findings: tuple[Finding, ...]
    transitions: int

    @overload
    def __getitem__(self, at: int) -> Finding: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, at: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[at]

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        looked = f"{self.transitions} transitions were looked at"
        if not self.findings:
            return f"{looked}, and nothing was found."
        paragraphs = [f"{looked}. This was found:"]
        paragraphs += [_paragraph(number, f) for number, f in enumerate(self.findings, 1)]
        return "\n\n".join(paragraphs)


def _paragraph(number: int, finding: Finding) -> str:
    some = ", ".join(str(index) for index in finding.index)
    more = ", ..." if finding.count > len(finding.index) else ""
    text = f"{number}. {finding.message} [{finding.kind}: {finding.count}; index {some}{more}]"
    return textwrap.fill(text, 88, subsequent_indent="   ", break_on_hyphens=False)
