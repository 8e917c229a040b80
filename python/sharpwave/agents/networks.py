"""Q-networks: a vector of action values for every observation.

`q_network` builds the network that fits an observation space. `numpy_twin` reads the same
parameters without torch: for a single observation a small network costs torch five times what it
costs NumPy, and acting is most of what an agent does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
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


class QNetwork(nn.Module):
    """An encoder of observations, then linear layers with ReLU between them; see `q_network`."""

    def __init__(self, encoder: Flatten | OneHot, n_actions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        widths = [encoder.size, *hidden, n_actions]
        self.encoder = encoder
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))

    def forward(self, obs: Tensor) -> Tensor:
        *hidden, last = self.layers
        values: Tensor = self.encoder(obs)
        for layer in hidden:
            values = layer(values).relu_()
        return last(values)  # type: ignore[no-any-return]


def q_network(
    observation_space: spaces.Space[Any], n_actions: int, hidden: Sequence[int] = (256, 128)
) -> QNetwork:
    """Build a multilayer perceptron from observations to action values.

    Parameters
    ----------
    observation_space
        Of a single environment. A Box is flattened, Discrete becomes a one-hot vector.
    n_actions
        Number of actions, at least 1.
    hidden
        Width of each hidden layer; none at all makes values linear in the observation.

    Returns
    -------
    QNetwork
        A module from observations (B, *observation_space.shape) to values (B, n_actions).

    Examples
    --------
    >>> import numpy as np, torch
    >>> from gymnasium.spaces import Box
    >>> from sharpwave.agents import q_network
    >>> network = q_network(Box(-1, 1, (4,), np.float32), n_actions=2, hidden=(8,))
    >>> network(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """
    return QNetwork(_encoder(observation_space), n_actions, hidden)


def _encoder(space: spaces.Space[Any]) -> Flatten | OneHot:
    if isinstance(space, spaces.Discrete):
        return OneHot(space)
    if not isinstance(space, spaces.Box):
        raise ValueError(
            f"observation_space: expected Box or Discrete, got {space}; "
            "flatten it first, e.g. with gymnasium.wrappers.FlattenObservation"
        )
    if len(space.shape) == 3 and space.dtype == np.uint8:
        raise ValueError(
            f"observation_space: expected a Box of features, got {space}; images are not served yet"
        )
    return Flatten(space)


def numpy_twin(network: QNetwork) -> Callable[[npt.NDArray[Any]], FloatArray]:
    """Return the network for one observation, in NumPy, over the parameters' own memory.

    It sees at once what the optimizer changes. Parameters must be on the CPU and stay where they
    are: ``load_state_dict`` copies into them, ``.to`` may move them.
    """
    *hidden, (last, last_bias) = [
        (_view(layer.weight).T, _view(layer.bias)) for layer in network.layers
    ]
    encode = network.encoder.numpy

    def values(obs: npt.NDArray[Any]) -> FloatArray:
        vector = encode(obs)
        for weight, bias in hidden:
            vector = vector.dot(weight)
            vector += bias
            np.maximum(vector, 0, out=vector)
        result: FloatArray = vector.dot(last)
        result += last_bias
        return result

    return values


def _view(parameter: Tensor | nn.Module) -> FloatArray:
    assert isinstance(parameter, Tensor)
    return parameter.detach().numpy()
