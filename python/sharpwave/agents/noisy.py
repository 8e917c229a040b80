"""Linear layers whose weights are noisy, so that a network explores by itself.

Fortunato et al. 2018, "Noisy networks for exploration" (arXiv 1706.10295), with factorised noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class NoisyLinear(nn.Linear):
    """y = (W + V ⊙ ε) x + b + v ⊙ ε', where ε = f(e') f(e)ᵀ, f(x) = sign(x) √|x| (equations 9–11).

    Parameters
    ----------
    inputs, outputs
        Widths.
    sigma
        σ₀: V and v start as σ₀ / √inputs.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.noisy import NoisyLinear
    >>> layer, x = NoisyLinear(4, 2), torch.ones(1, 4)
    >>> layer.resample(torch.Generator().manual_seed(0))
    >>> torch.equal(layer(x), layer(x)), torch.equal(layer(x), layer(x, noisy=False))
    (True, False)
    """

    noise_in: Tensor
    noise_out: Tensor

    def __init__(self, inputs: int, outputs: int, sigma: float = 0.5) -> None:
        super().__init__(inputs, outputs)
        start = sigma / math.sqrt(inputs)
        self.weight_sigma = nn.Parameter(torch.full((outputs, inputs), start))
        self.bias_sigma = nn.Parameter(torch.full((outputs,), start))
        # Noise is a part of the state: a run that is continued goes on with it.
        self.register_buffer("noise_in", torch.zeros(inputs))
        self.register_buffer("noise_out", torch.zeros(outputs))

    def forward(self, x: Tensor, noisy: bool = True) -> Tensor:
        y = super().forward(x)
        if not noisy:
            return y
        # ε has rank one, so it is cheaper to scale what goes in and out than to build it.
        noise = nn.functional.linear(x * self.noise_in, self.weight_sigma, self.bias_sigma)
        return y + noise * self.noise_out

    def resample(self, generator: torch.Generator) -> None:
        """Draw new noise."""
        resample([self], generator)


@torch.no_grad()
def resample(layers: Sequence[NoisyLinear], generator: torch.Generator) -> None:
    """Draw the noise of several layers, in one draw: f(e) of as many e as they have inputs and outputs."""
    noises = [noise for layer in layers for noise in (layer.noise_in, layer.noise_out)]
    sizes = [noise.numel() for noise in noises]
    drawn = torch.empty(sum(sizes), device=noises[0].device).normal_(generator=generator)
    drawn = drawn.sign() * drawn.abs().sqrt_()
    for noise, part in zip(noises, torch.split(drawn, sizes), strict=True):
        noise.copy_(part)
