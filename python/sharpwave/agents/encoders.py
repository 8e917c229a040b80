"""From observations to one vector of features each: the first room of every network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor, nn

FloatArray = npt.NDArray[np.float32]


class Flatten(nn.Module):
    """Observations of a Box, flattened to one float32 vector each."""

    def __init__(self, space: spaces.Box) -> None:
        super().__init__()
        self.size = int(np.prod(space.shape))

    def forward(self, obs: Tensor) -> Tensor:
        if obs.ndim != 2:
            obs = obs.reshape(len(obs), -1)
        return obs.float()

    def numpy(self, obs: npt.NDArray[Any]) -> FloatArray:
        return obs.reshape(-1).astype(np.float32, copy=False)


class OneHot(nn.Module):
    """Observations of a Discrete space, as one-hot vectors."""

    def __init__(self, space: spaces.Discrete) -> None:
        super().__init__()
        self.size = int(space.n)
        self.start = int(space.start)

    def forward(self, obs: Tensor) -> Tensor:
        return nn.functional.one_hot(obs.long() - self.start, self.size).float()

    def numpy(self, obs: npt.NDArray[Any]) -> FloatArray:
        vector = np.zeros(self.size, np.float32)
        vector[int(obs) - self.start] = 1.0
        return vector


class Images(nn.Module):
    """Images through convolutions; the channels are the shorter of the first and the last axis.

    Of equal ones it is the last: MinAtar's Seaquest is 10 by 10 with 10 channels.
    """

    def __init__(self, space: spaces.Box, convolutions: str) -> None:
        super().__init__()
        first, *_, last = space.shape
        self.channels_last = last <= first
        self.scale = 1.0 / float(space.high.max())
        channels, *size = (last, *space.shape[:2]) if self.channels_last else space.shape
        self.layers = CONVOLUTIONS[convolutions](channels)
        with torch.no_grad():
            self.size = self.layers(torch.zeros(1, channels, *size)).numel()

    def forward(self, obs: Tensor) -> Tensor:
        if self.channels_last:
            obs = obs.permute(0, 3, 1, 2)
        features: Tensor = self.layers(obs.float() * self.scale)
        return features.flatten(1)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x.relu()).relu())  # type: ignore[no-any-return]


def nature(channels: int) -> nn.Sequential:
    """Three convolutions (Mnih et al. 2015, Extended Data Table 1)."""
    return nn.Sequential(
        *(nn.Conv2d(channels, 32, 8, 4), nn.ReLU()),
        *(nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3, 1), nn.ReLU()),
    )


def impala(channels: int, widths: Sequence[int] = (16, 32, 32)) -> nn.Sequential:
    """Three stages of two residual blocks each (Espeholt et al. 2018, arXiv 1802.01561, Figure 3)."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.MaxPool2d(3, 2, padding=1)]
        layers += [_Residual(width), _Residual(width)]
        channels = width
    return nn.Sequential(*layers, nn.ReLU())


def minatar(channels: int) -> nn.Sequential:
    """One convolution, for images of 10 by 10 (Young & Tian 2019, arXiv 1903.03176)."""
    return nn.Sequential(nn.Conv2d(channels, 16, 3), nn.ReLU())


CONVOLUTIONS = {"nature": nature, "impala": impala, "minatar": minatar}
SMALLEST_FOR_NATURE = 36


def tensor_of(obs: npt.NDArray[Any], device: str) -> Tensor:
    """Return observations as a tensor; torch warns of arrays that are read-only, as JAX's are."""
    return torch.as_tensor(obs if obs.flags.writeable else obs.copy(), device=device)


Encoder: TypeAlias = "Flatten | OneHot | Images"


def encoder(space: spaces.Space[Any], convolutions: str | None = None) -> Encoder:
    """Build the encoder that fits an observation space.

    Parameters
    ----------
    space
        A Box is flattened, or seen as an image where it has three axes of uint8; Discrete becomes a
        one-hot vector.
    convolutions
        For images "nature", "impala" or "minatar"; None takes "nature" from 36 pixels on, and
        "minatar" below.
    """
    if isinstance(space, spaces.Discrete):
        return OneHot(space)
    if not isinstance(space, spaces.Box):
        raise ValueError(
            f"observation_space: expected Box or Discrete, got {space}; "
            "flatten it first, e.g. with gymnasium.wrappers.FlattenObservation"
        )
    if len(space.shape) == 3 and space.dtype in (np.uint8, np.bool_):
        small = sorted(space.shape)[1] < SMALLEST_FOR_NATURE
        return Images(space, convolutions or ("minatar" if small else "nature"))
    return Flatten(space)
