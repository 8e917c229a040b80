"""Linear layers whose weights are noisy, so that a network explores by itself.

Fortunato et al. 2018, "Noisy networks for exploration" (arXiv 1706.10295), with factorised noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sharpwave.agents.encoders import FloatArray


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
    >>> from sharpwave.agents.noisy import FlatNoise, NoisyLinear
    >>> layer, x = NoisyLinear(4, 2), torch.ones(1, 4)
    >>> FlatNoise(layer).resample(torch.Generator().manual_seed(0))
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


class FlatNoise:
    """The noise of all noisy layers of some modules, which becomes views of `values`.

    As `flat.FlatParameters` it follows no module that moves to another device later.

    Attributes
    ----------
    values
        Of each layer, in the order of the modules, ``noise_in``, then ``noise_out``.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.noisy import FlatNoise, NoisyLinear
    >>> layer = NoisyLinear(3, 2)
    >>> noise = FlatNoise(layer)
    >>> noise.resample(torch.Generator().manual_seed(0))
    >>> torch.equal(noise.values, torch.cat((layer.noise_in, layer.noise_out)))
    True
    """

    def __init__(self, *modules: nn.Module) -> None:
        layers = [m for module in modules for m in module.modules() if isinstance(m, NoisyLinear)]
        noises = [noise for layer in layers for noise in (layer.noise_in, layer.noise_out)]
        self.values = torch.cat(noises)
        parts = torch.split(self.values, [noise.numel() for noise in noises])
        for noise, part in zip(noises, parts, strict=True):
            noise.data = part

    @torch.no_grad()
    def resample(self, generator: torch.Generator) -> None:
        """Draw new noise: f(e) of as many normal e as there are values, in one draw."""
        drawn = self.values.normal_(generator=generator)
        torch.mul(drawn.sign(), drawn.abs().sqrt_(), out=drawn)

    def numpy(self) -> FloatArray:
        """Return the values as an array over the same memory; they are on the CPU."""
        view: FloatArray = self.values.numpy()
        return view
