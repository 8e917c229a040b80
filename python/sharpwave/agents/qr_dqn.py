"""QR-DQN: the distribution of returns, as its quantiles.

Dabney, Rowland, Bellemare and Munos 2018, "Distributional reinforcement learning with quantile
regression" (arXiv 1710.10044).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from sharpwave.agents import checks
from sharpwave.agents.c51 import expect_backup, expect_shape, mixture, of_action

CACHED = 2**17
"""pairs of a prediction and a target that a CPU takes at once, so that its cache holds them"""


class AnyQuantiles:
    """What holds of quantiles wherever they are: here at fixed fractions, in IQN at drawn ones."""

    def values(self, output: Tensor) -> Tensor:
        """Return the expected returns (B, A) of quantiles (B, A, K): their means."""
        return output.mean(2)

    def in_numpy(self, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same for one observation without torch: (A,) of (A, K)."""
        values: npt.NDArray[Any] = output.mean(1)
        return values

    def of(self, output: Tensor, action: Tensor) -> Tensor:
        """Return the quantiles (B, K) of the actions (B,) taken."""
        return of_action(output, action)

    def mix(self, output: Tensor, pi: Tensor) -> Tensor:
        """Return sum_a pi_a z_a, (B, K), of quantiles z (B, A, K) and a policy (B, A).

        So M-IQN has it (Vieillard et al. 2020, arXiv 2007.14430). These are not the quantiles of
        the mixture, but their mean is its mean.
        """
        return mixture(output, pi)

    def target(self, reward: Tensor, discount: Tensor, next: Tensor) -> Tensor:
        """Return reward + discount * next, (B, K), of (B,), (B,) and (B, K)."""
        expect_backup(reward, discount, next)
        return torch.addcmul(reward.unsqueeze(1), discount.unsqueeze(1), next)

    def greedy(self, reward: Tensor, discount: Tensor, chooser: Tensor, output: Tensor) -> Tensor:
        """Return the target where the next action is argmax_a chooser, (B, A)."""
        return self.target(reward, discount, self.of(output, chooser.argmax(1)))

    def td_error(self, prediction: Tensor, target: Tensor, _loss: Tensor) -> Tensor:
        """Return how far the mean of the targets is from that of the predictions, (B,)."""
        return (target.mean(1) - prediction.mean(1)).detach().abs_()


@dataclass(frozen=True)
class Quantiles(AnyQuantiles):
    """The K numbers of an action are the quantiles of its return at the `midpoints` of K parts.

    Parameters
    ----------
    quantiles
        How many there are.
    kappa
        Up to this error the loss is quadratic, beyond it linear.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.qr_dqn import Quantiles
    >>> returns = Quantiles(quantiles=2)
    >>> output = torch.tensor([[[0.0, 2.0], [1.0, 3.0]]])  # of two actions
    >>> returns.values(output)
    tensor([[1., 2.]])
    >>> mixed = returns.mix(output, torch.tensor([[0.5, 0.5]]))
    >>> target = returns.target(torch.tensor([1.0]), torch.tensor([0.5]), mixed)
    >>> target
    tensor([[1.2500, 2.2500]])
    >>> returns.loss(returns.of(output, torch.tensor([0])), target)
    tensor([0.3594])
    """

    quantiles: int = 200
    kappa: float = 1.0

    def __post_init__(self) -> None:
        checks.integer("quantiles", self.quantiles, at_least=1)
        checks.number("kappa", self.kappa, above=0)

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for an action."""
        return self.quantiles

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss (B,) of Algorithm 1: `quantile_huber` at the midpoints."""
        tau = midpoints(prediction.shape[-1], dtype=prediction.dtype, device=prediction.device)
        return quantile_huber(prediction, target, tau.expand_as(prediction), self.kappa)


def midpoints(
    n: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Return the middles of n equal parts of [0, 1], (n,).

    The quantiles there have the least Wasserstein distance to a distribution that n equal masses
    can have (Dabney et al. 2018, Lemma 2).

    Examples
    --------
    >>> from sharpwave.agents.qr_dqn import midpoints
    >>> midpoints(2)
    tensor([0.2500, 0.7500])
    """
    dtype = dtype or torch.get_default_dtype()
    return (torch.arange(n, dtype=dtype, device=device) + 0.5) / n


def quantile_huber(prediction: Tensor, target: Tensor, tau: Tensor, kappa: float = 1.0) -> Tensor:
    """Return sum_i mean_j |tau_i - 1{u < 0}| L_kappa(u) / kappa, u = target_j - prediction_i.

    L_kappa is Huber's loss, u²/2 up to kappa and linear beyond (Dabney et al. 2018, equations 9
    and 10; the division by kappa is that of Dabney et al. 2018b, arXiv 1806.06923, equation 3).

    Parameters
    ----------
    prediction
        Quantiles, (B, K). They alone get a gradient, and it has no gradient itself.
    target
        Samples or quantiles of what they shall be the quantiles of, (B, K').
    tau
        Of which fraction each prediction is the quantile, (B, K).
    kappa
        Above 0.

    Returns
    -------
    Tensor
        The loss of each row, (B,).

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.qr_dqn import quantile_huber
    >>> p, y, tau = torch.tensor([[0.0]]), torch.tensor([[10.0, -10.0]]), torch.tensor([[0.75]])
    >>> quantile_huber(p, y, tau)  # (0.75 * 9.5 + 0.25 * 9.5) / 2
    tensor([4.7500])
    """
    expect_shape("target", target, (*prediction.shape[:1], *target.shape[-1:]))
    expect_shape("tau", tau, prediction.shape)
    with torch.no_grad():
        loss, slope = _in_pieces(prediction, target, tau, kappa)
    # What is added is zero; its gradient is the loss's. Autograd's own way to it would keep several
    # tensors of all pairs, and read and write them.
    return loss + (slope * (prediction - prediction.detach())).sum(1)


def _in_pieces(
    prediction: Tensor, target: Tensor, tau: Tensor, kappa: float
) -> tuple[Tensor, Tensor]:
    """Return the loss (B,) and its slope in every prediction, (B, K)."""
    rows = max(1, CACHED // (prediction.shape[1] * target.shape[1]))
    if len(prediction) <= rows or not prediction.is_cpu or torch.compiler.is_compiling():
        return _of_pairs(prediction, target, tau, kappa)
    pieces = zip(*(torch.split(x, rows) for x in (prediction, target, tau)), strict=True)
    results = [_of_pairs(p, y, fractions, kappa) for p, y, fractions in pieces]
    return torch.cat([loss for loss, _ in results]), torch.cat([slope for _, slope in results])


def _of_pairs(
    prediction: Tensor, target: Tensor, tau: Tensor, kappa: float
) -> tuple[Tensor, Tensor]:
    u = target.unsqueeze(1) - prediction.unsqueeze(2)
    # With c = clip(u, -kappa, kappa), L_kappa(u) = c (u - c / 2) and its slope in u is c.
    c = u.clamp(-kappa, kappa)
    u.sub_(c, alpha=0.5)
    slope, loss = c.sum(2), (c * u).sum(2)
    c.clamp_(max=0)
    # The same over u < 0 alone, where the weight is 1 - tau in place of tau.
    slope_below, loss_below = c.sum(2), u.mul_(c).sum(2)
    scale = 1 / (kappa * target.shape[1])
    loss = torch.lerp(loss_below, loss - loss_below, tau).sum(1) * scale
    return loss, torch.lerp(slope_below, slope - slope_below, tau) * -scale
