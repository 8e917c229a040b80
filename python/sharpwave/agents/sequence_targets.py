"""Targets for the steps of a sequence: n-step returns along it, on a rescaled value.

Kapturowski et al. 2019, "Recurrent experience replay in distributed reinforcement learning", section
2.3; the rescaling is that of Pohlen et al. 2018 (arXiv 1805.11593).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

EPS = 1e-3
"""How linear the rescaling is; with it the inverse is Lipschitz continuous."""


def rescaled(x: Tensor) -> Tensor:
    """Return h(x) = sign(x) (sqrt(|x| + 1) - 1) + EPS x.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.sequence_targets import rescaled
    >>> rescaled(torch.tensor([0.0, 3.0, -99.0]))
    tensor([ 0.0000,  1.0030, -9.0990])
    """
    # The difference from 1 as a quotient: small numbers keep their digits.
    return x / ((x.abs() + 1).sqrt() + 1) + EPS * x


def unrescaled(x: Tensor) -> Tensor:
    """Return the inverse of `rescaled`.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.sequence_targets import rescaled, unrescaled
    >>> unrescaled(rescaled(torch.tensor([0.0, 3.0, -99.0])))
    tensor([  0.0000,   3.0000, -99.0000])
    """
    # With w = sqrt(|y| + 1) - 1 it is EPS w² + (1 + 2 EPS) w = |x|, and |y| = w (w + 2). The paper's
    # formula is the same, but loses four digits in float32.
    b = 1 + 2 * EPS
    w = 2 * x.abs() / (b + (b * b + 4 * EPS * x.abs()).sqrt())
    return x.sign() * w * (w + 2)


def n_step_targets(
    reward: Tensor, discount: Tensor, value: Tensor, goes_on: Tensor, n_step: int
) -> Tensor:
    """Return r + d r' + d d' r'' + ... + d d' d'' V of up to ``n_step`` rows from each one on, (B, T).

    Parameters
    ----------
    reward, discount
        Of each row alone, (B, T).
    value
        Of each row's successor, (B, T).
    goes_on
        Whether the next row belongs to the window of this one, bool (B, T); never the last.
    n_step
        At least 1.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.sequence_targets import n_step_targets
    >>> reward, discount = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[0.5, 0.5, 0.5]])
    >>> goes_on = torch.tensor([[True, True, False]])
    >>> n_step_targets(reward, discount, torch.full((1, 3), 8.0), goes_on, n_step=2)
    tensor([[4., 6., 8.]])
    """
    ahead = value
    for _ in range(n_step):
        y = reward + discount * ahead
        ahead = torch.where(goes_on, y.roll(-1, 1), value)
    return y


def with_successor(obs: Any, next_obs: Any, mask: Tensor) -> Any:
    """Return sequences (B, T, ...) one step longer: each ends with the successor of its last row.

    Behind its end that observation is repeated, as an encoder need not take zeros.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.sequence_targets import with_successor
    >>> obs, next_obs = torch.tensor([[1, 2, 0]]), torch.tensor([[2, 3, 0]])
    >>> with_successor(obs, next_obs, torch.tensor([[True, True, False]]))
    tensor([[1, 2, 3, 3]])
    """
    if isinstance(obs, Mapping):
        return {name: with_successor(obs[name], next_obs[name], mask) for name in obs}
    rows = torch.arange(len(mask), device=mask.device)
    last = next_obs[rows, mask.sum(1) - 1].unsqueeze(1)
    known = nn.functional.pad(mask, (0, 1))
    known = known.reshape(*known.shape, *[1] * (obs.ndim - 2))
    return torch.where(known, torch.cat([obs, last], 1), last)
