"""A Q-network asked for the values of observations as environments give them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from sharpwave.agents.c51 import Categorical
from sharpwave.agents.dqn_config import DQNConfig
from sharpwave.agents.encoders import tensor_of
from sharpwave.agents.expected import Expected
from sharpwave.agents.iqn import ImplicitQuantiles
from sharpwave.agents.networks import QNetwork
from sharpwave.agents.numpy_twin import q_twin
from sharpwave.agents.qr_dqn import Quantiles

Distribution: TypeAlias = "Expected | Categorical | Quantiles | ImplicitQuantiles"


class QValues:
    """Values without gradient; one observation goes through NumPy where the network allows it."""

    def __init__(self, network: QNetwork, distribution: Distribution, device: str) -> None:
        self._network, self._distribution, self._device = network, distribution, device
        self._twin = q_twin(network) if device == "cpu" else None

    def one(self, obs: npt.NDArray[Any], noisy: bool) -> npt.NDArray[Any]:
        """Return the values of one observation, (A,)."""
        if self._twin is not None:
            return self._distribution.in_numpy(self._twin(obs, noisy))
        values: npt.NDArray[Any] = self.batch(obs[np.newaxis], noisy)[0]
        return values

    @torch.inference_mode()
    def batch(self, obs: npt.NDArray[Any], noisy: bool) -> npt.NDArray[Any]:
        """Return the values of a batch of them, (B, A)."""
        tau = None
        if isinstance(self._distribution, ImplicitQuantiles):
            tau = self._distribution.midpoints(len(obs), self._device)
        output = self._network(tensor_of(obs, self._device), tau, noisy)
        return self._distribution.values(output).cpu().numpy()


def distribution_of(config: DQNConfig) -> Distribution:
    """Return what the numbers mean that a network with these settings gives for an action."""
    match config.distribution:
        case "c51":
            return Categorical(config.atoms, config.v_min, config.v_max)
        case "qr":
            return Quantiles(config.quantiles)
        case "iqn":
            return ImplicitQuantiles()
    return Expected(config.loss)
