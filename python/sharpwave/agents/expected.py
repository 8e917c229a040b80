"""A value is its expectation: the one number for an action that plain Q-learning learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from sharpwave import td

LOSSES = {"huber": nn.functional.smooth_l1_loss, "mse": nn.functional.mse_loss}


@dataclass(frozen=True)
class Expected:
    """What `c51.Categorical` and `qr_dqn.Quantiles` are to whole distributions.

    Parameters
    ----------
    error
        "huber", whose gradient is the TD error clipped to [-1, 1], or "mse".

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.expected import Expected
    >>> expected, next_q = Expected("mse"), torch.tensor([[1.0, 2.0], [5.0, 3.0]])
    >>> y = expected.greedy(torch.zeros(2), torch.full((2,), 0.5), next_q, next_q)
    >>> y.tolist(), expected.loss(torch.zeros(2), y).tolist()
    ([1.0, 2.5], [1.0, 6.25])
    """

    error: str = "huber"

    outputs = 1

    def values(self, output: Tensor) -> Tensor:
        """The values (B, A) are what the network gives."""
        return output

    def in_numpy(self, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same for one observation without torch, (A,)."""
        return output

    def of(self, output: Tensor, action: Tensor) -> Tensor:
        """Return the values of the actions taken, (B,)."""
        return output.gather(1, action.unsqueeze(1)).squeeze(1)

    def mix(self, output: Tensor, pi: Tensor) -> Tensor:
        """Return the next states' values under a policy (B, A), (B,)."""
        return (pi * output).sum(1)

    def target(self, reward: Tensor, discount: Tensor, value: Tensor) -> Tensor:
        """Return r + discount V(s'), (B,)."""
        return reward + discount * value

    def greedy(self, reward: Tensor, discount: Tensor, chooser: Tensor, output: Tensor) -> Tensor:
        """Return r + discount Q(s', argmax_a chooser(s', a)), (B,), in one pass where it can be."""
        if torch.compiler.is_compiling():
            return self.target(reward, discount, self.of(output, chooser.argmax(1)))
        if chooser is output:
            return td.target(reward, discount, output)  # type: ignore[no-any-return]
        return td.double_target(reward, discount, chooser, output)  # type: ignore[no-any-return]

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each transition, (B,)."""
        return LOSSES[self.error](prediction, target, reduction="none")

    def td_error(self, prediction: Tensor, target: Tensor, _loss: Tensor) -> Tensor:
        """Return how far the target is from the prediction, (B,)."""
        return (target - prediction).abs()
