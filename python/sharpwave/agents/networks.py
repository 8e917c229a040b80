"""Q-networks: values, or distributions of them, for every action in every observation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from gymnasium import spaces
from torch import Tensor, nn

from sharpwave.agents.encoders import Encoder, encoder
from sharpwave.agents.iqn import QuantileEmbedding
from sharpwave.agents.noisy import NoisyLinear


class Perceptron(nn.Module):
    """Linear layers with ReLU between them, and after the last one if ``ends_in_relu``."""

    def __init__(
        self, widths: Sequence[int], *, noisy: bool = False, ends_in_relu: bool = False
    ) -> None:
        super().__init__()
        kind = NoisyLinear if noisy else nn.Linear
        self.layers = nn.ModuleList(kind(*pair) for pair in pairwise(widths))
        self.noisy, self.ends_in_relu = noisy, ends_in_relu
        # A list of our own: to look modules up, and to call them, costs more than a small product.
        self._in_order: list[Any] = list(self.layers)

    def forward(self, x: Tensor, noisy: bool = True) -> Tensor:
        last = len(self._in_order) - 1
        for i, layer in enumerate(self._in_order):
            x = layer(x, noisy) if self.noisy else layer.forward(x)
            if i < last or self.ends_in_relu:
                x = x.relu_()
        return x


class QNetwork(nn.Module):
    """An encoder, hidden layers, and a head of one or two streams; see `q_network`.

    The last hidden layer belongs to the head: with two streams each has its own.
    """

    def __init__(
        self,
        encoder: Encoder,
        n_actions: int,
        hidden: Sequence[int],
        *,
        outputs: int = 1,
        dueling: bool = False,
        noisy: bool = False,
        embedding: int | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_actions, self.outputs = n_actions, outputs
        shared = [encoder.size, *hidden[:-1]]
        stream = [shared[-1], *hidden[-1:]]
        self.torso = Perceptron(shared, ends_in_relu=True)
        self.embedding = None if embedding is None else QuantileEmbedding(shared[-1], embedding)
        self.advantage = Perceptron([*stream, n_actions * outputs], noisy=noisy)
        self.value = Perceptron([*stream, outputs], noisy=noisy) if dueling else None

    def forward(self, obs: Tensor, tau: Tensor | None = None, noisy: bool = True) -> Tensor:
        features = self.torso(self.encoder(obs))
        if self.embedding is not None:
            features = self.embedding(features, tau)
        output: Tensor = self.advantage(features, noisy)
        if self.outputs > 1:
            output = output.reshape(*output.shape[:-1], self.n_actions, self.outputs)
        if self.value is not None:
            value = self.value(features, noisy)
            value = value.unsqueeze(-2) if self.outputs > 1 else value
            # The mean is over the actions of one observation (Wang et al. 2016, equation 9).
            output = value + output - output.mean(-2 if self.outputs > 1 else -1, keepdim=True)
        return output if self.embedding is None else output.transpose(1, 2)


def q_network(
    observation_space: spaces.Space[Any],
    n_actions: int,
    hidden: Sequence[int] = (256, 128),
    *,
    convolutions: str | None = None,
    **options: Any,
) -> QNetwork:
    """Build a network from observations to action values.

    Parameters
    ----------
    observation_space
        Of a single environment. A Box is flattened, or seen as an image where it has three axes of
        uint8; Discrete becomes a one-hot vector.
    n_actions
        Number of actions, at least 1.
    hidden
        Width of each hidden layer; none at all makes values linear in the observation.
    convolutions
        For images: "nature", "impala", "minatar", or None to choose by their size.
    **options
        ``outputs=K`` numbers for each action; ``dueling``: two streams, of which one is the
        observation's own value (Wang et al. 2016, arXiv 1511.06581); ``noisy``: noise in the last
        hidden layer and after it (Fortunato et al. 2018); ``embedding``: cosines to embed quantile
        fractions by (Dabney et al. 2018), which ``forward`` then takes.

    Returns
    -------
    QNetwork
        A module from observations (B, *observation_space.shape) to values (B, n_actions), or to
        (B, n_actions, K).

    Examples
    --------
    >>> import numpy as np, torch
    >>> from gymnasium.spaces import Box
    >>> from sharpwave.agents import q_network
    >>> space = Box(-1, 1, (4,), np.float32)
    >>> q_network(space, n_actions=2, hidden=(8,))(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    >>> q_network(space, n_actions=2, outputs=51, dueling=True)(torch.zeros(3, 4)).shape
    torch.Size([3, 2, 51])
    """
    return QNetwork(encoder(observation_space, convolutions), n_actions, hidden, **options)
