"""IQN: the distribution of returns, as a function from fractions to quantiles.

Dabney, Ostrovski, Silver and Munos 2018, "Implicit quantile networks for distributional
reinforcement learning" (arXiv 1806.06923).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sharpwave.agents import checks
from sharpwave.agents.c51 import expect_shape
from sharpwave.agents.qr_dqn import AnyQuantiles, midpoints, quantile_huber

__all__ = ["ImplicitQuantiles", "QuantileEmbedding", "draw_tau", "midpoints"]


@dataclass(frozen=True)
class ImplicitQuantiles(AnyQuantiles):
    """The K numbers of an action are the quantiles of its return at K fractions given.

    Parameters
    ----------
    samples
        Fractions drawn to be predicted, the paper's N.
    target_samples
        Fractions drawn of the next state's return, the paper's N'.
    policy_samples
        Fractions by whose mean an action is chosen, the paper's K.
    kappa
        Up to this error the loss is quadratic, beyond it linear.
    embedding
        Cosines that a fraction is embedded by, the paper's n.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.iqn import ImplicitQuantiles
    >>> returns = ImplicitQuantiles(samples=2, target_samples=3)
    >>> [tuple(tau.shape) for tau in returns.fractions(5, torch.Generator().manual_seed(0))]
    [(5, 2), (5, 3), (5, 32)]
    >>> prediction, target, tau = torch.zeros(1, 2), torch.ones(1, 3), torch.full((1, 2), 0.5)
    >>> returns.loss(prediction, target, tau)
    tensor([0.5000])
    """

    samples: int = 8
    target_samples: int = 8
    policy_samples: int = 32
    kappa: float = 1.0
    embedding: int = 64

    def __post_init__(self) -> None:
        for name in ("samples", "target_samples", "policy_samples", "embedding"):
            checks.integer(name, getattr(self, name), at_least=1)
        checks.number("kappa", self.kappa, above=0)

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for an action at one fraction."""
        return 1

    def fractions(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw what a gradient step needs: (B, N) to predict, (B, N') of the target, (B, K)."""
        sizes = [self.samples, self.target_samples, self.policy_samples]
        tau, target, policy = torch.split(draw_tau(batch, sum(sizes), generator), sizes, dim=1)
        return tau, target, policy

    def midpoints(self, batch: int, device: torch.device | str | None = None) -> Tensor:
        """Return fractions to act by without chance, (B, K): the middles of K equal parts."""
        return midpoints(self.policy_samples, device=device).expand(batch, -1)

    def loss(self, prediction: Tensor, target: Tensor, tau: Tensor) -> Tensor:
        """Return the loss (B,) of equation 3: `qr_dqn.quantile_huber` at the fractions drawn."""
        return quantile_huber(prediction, target, tau, self.kappa)


class QuantileEmbedding(nn.Module):
    """Features of an observation, as seen at fractions of its return (equation 4).

    Parameters
    ----------
    features
        Width W of the observation's features.
    embedding
        Cosines n that a fraction is embedded by.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.iqn import QuantileEmbedding
    >>> QuantileEmbedding(features=16)(torch.zeros(5, 16), torch.rand(5, 8)).shape
    torch.Size([5, 8, 16])
    """

    frequencies: Tensor

    def __init__(self, features: int, embedding: int = 64) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding, features)
        # From 0, as the paper has it; Dopamine counts from 1.
        self.register_buffer("frequencies", math.pi * torch.arange(embedding), persistent=False)

    def forward(self, features: Tensor, tau: Tensor) -> Tensor:
        """Return features (B, W) times phi(tau), (B, N, W), at fractions tau (B, N).

        phi(tau) = ReLU(sum_i cos(pi i tau) w_i + b), i = 0 .. n - 1.
        """
        expect_shape("tau", tau, (*features.shape[:1], *tau.shape[-1:]))
        phi: Tensor = self.linear((tau.unsqueeze(2) * self.frequencies).cos_()).relu_()
        return phi * features.unsqueeze(1)


def draw_tau(
    batch: int, n: int, generator: torch.Generator, *, dtype: torch.dtype | None = None
) -> Tensor:
    """Draw fractions, uniform on [0, 1), as (batch, n) on the generator's device.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.iqn import draw_tau
    >>> draw_tau(2, 3, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """
    return torch.rand(batch, n, generator=generator, dtype=dtype, device=generator.device)
