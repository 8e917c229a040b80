"""A network read without torch, over the parameters' own memory.

For a single observation a small network costs torch five times what it costs NumPy, and acting is
most of what an agent does. A twin sees at once what the optimizer changes. Parameters must be on the
CPU and stay where they are: ``load_state_dict`` copies into them, ``.to`` may move them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from sharpwave.agents.encoders import FloatArray, Images
from sharpwave.agents.networks import Perceptron, QNetwork
from sharpwave.agents.noisy import NoisyLinear

Layers = Callable[[FloatArray, bool], FloatArray]


def q_twin(network: QNetwork) -> Callable[..., FloatArray] | None:
    """Return the network as a function of one observation, or None where torch has to do it.

    Its result is the network's: (A,) or (A, K). Images and quantile embeddings are left to torch.
    """
    encoder = network.encoder
    if isinstance(encoder, Images) or network.embedding is not None:
        return None
    torso, advantage = twin(network.torso), twin(network.advantage)
    value = None if network.value is None else twin(network.value)
    several, shape = network.outputs > 1, (network.n_actions, network.outputs)

    def values(obs: npt.NDArray[Any], noisy: bool = False) -> FloatArray:
        features = torso(encoder.numpy(obs), noisy)
        output = advantage(features, noisy)
        if several:
            output = output.reshape(shape)
        if value is not None:
            output = value(features, noisy) + output - output.mean(0)
        return output

    return values


def twin(perceptron: Perceptron) -> Layers:
    """Return linear layers with ReLU between them as a function of one vector."""
    layers = [_layer(layer) for layer in perceptron.layers]
    last = len(layers) - 1
    ends_in_relu = perceptron.ends_in_relu

    def forward(x: FloatArray, noisy: bool = False) -> FloatArray:
        for i, layer in enumerate(layers):
            x = layer(x, noisy)
            if i < last or ends_in_relu:
                np.maximum(x, 0, out=x)
        return x

    return forward


def _layer(layer: nn.Module) -> Layers:
    assert isinstance(layer, nn.Linear)
    weight, bias = _view(layer.weight).T, _view(layer.bias)

    def linear(x: FloatArray, _noisy: bool) -> FloatArray:
        x = x.dot(weight)
        x += bias
        return x

    if not isinstance(layer, NoisyLinear):
        return linear
    sigma, bias_sigma = _view(layer.weight_sigma).T, _view(layer.bias_sigma)
    noise_in, noise_out = _view(layer.noise_in), _view(layer.noise_out)

    def noisy_linear(x: FloatArray, noisy: bool) -> FloatArray:
        y = linear(x, noisy)
        if noisy:
            y += ((x * noise_in).dot(sigma) + bias_sigma) * noise_out
        return y

    return noisy_linear


def _view(parameter: Tensor) -> FloatArray:
    view: FloatArray = parameter.detach().numpy()
    return view
