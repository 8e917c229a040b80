"""Q-networks: which observations they take, and their twin in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

from sharpwave.agents import q_network
from sharpwave.agents.numpy_twin import q_twin

FEATURES = spaces.Box(-1, 1, (4,), np.float32)
SPACES = [
    FEATURES,
    spaces.Box(-1, 1, (2, 3), np.float64),
    spaces.Box(0, 255, (6,), np.uint8),
    spaces.Box(-1, 1, (), np.float32),
    spaces.Discrete(7),
    spaces.Discrete(7, start=-3),
]


def layers_of(network) -> list[torch.nn.Linear]:
    return [m for m in network.modules() if isinstance(m, torch.nn.Linear)]


def samples(space: spaces.Space, count: int) -> np.ndarray:
    space.seed(0)
    return np.stack([space.sample() for _ in range(count)])


def test_the_default_has_two_hidden_layers_of_256_and_128() -> None:
    shapes = [tuple(layer.weight.shape) for layer in layers_of(q_network(FEATURES, 2))]
    assert shapes == [(256, 4), (128, 256), (2, 128)]


def test_without_hidden_layers_values_are_linear() -> None:
    network = q_network(FEATURES, 3, hidden=())
    assert [tuple(layer.weight.shape) for layer in layers_of(network)] == [(3, 4)]
    x = torch.rand(5, 4)
    torch.testing.assert_close(network(2 * x) - network(x), network(x) - network(0 * x))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_every_observation_has_its_row_of_values(space) -> None:
    values = q_network(space, 3, hidden=(8,))(torch.as_tensor(samples(space, 5)))
    assert (tuple(values.shape), values.dtype) == ((5, 3), torch.float32)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_row_does_not_depend_on_the_batch_it_is_in(space) -> None:
    network, obs = q_network(space, 3, hidden=(8,)), torch.as_tensor(samples(space, 5))
    for i in range(5):
        torch.testing.assert_close(network(obs)[i], network(obs[i : i + 1])[0])


def test_a_discrete_observation_is_one_hot_from_its_start() -> None:
    network = q_network(spaces.Discrete(3, start=5), 2, hidden=())
    with torch.no_grad():
        layers_of(network)[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
        layers_of(network)[0].bias.zero_()
        values = network(torch.tensor([5, 7]))
    assert values.tolist() == [[1.0, 10.0], [3.0, 30.0]]


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (spaces.Dict(a=FEATURES), "expected Box or Discrete.*FlattenObservation"),
        (spaces.MultiDiscrete([2, 3]), "expected Box or Discrete"),
    ],
)
def test_what_is_not_served_is_said_and_what_to_do(space, words) -> None:
    with pytest.raises(ValueError, match=f"observation_space: .*{words}"):
        q_network(space, 2)


@pytest.mark.parametrize("hidden", [(), (16,), (256, 128)])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_the_twin_in_numpy_gives_the_same_values(space, hidden) -> None:
    network = q_network(space, 3, hidden)
    twin, obs = q_twin(network), samples(space, 20)
    expected = network(torch.as_tensor(obs)).detach().numpy()
    actual = np.stack([twin(row) for row in obs])
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_the_twin_sees_what_happens_to_the_parameters() -> None:
    network = q_network(FEATURES, 2, hidden=(8,))
    twin, obs = q_twin(network), np.ones(4, np.float32)
    with torch.no_grad():
        layers_of(network)[-1].weight.zero_()
        layers_of(network)[-1].bias.copy_(torch.tensor([3.0, 4.0]))
    assert twin(obs).tolist() == [3.0, 4.0]
    other = q_network(FEATURES, 2, hidden=(8,))
    network.load_state_dict(other.state_dict())
    np.testing.assert_allclose(twin(obs), other(torch.ones(1, 4))[0].detach(), rtol=1e-5)


def test_the_twin_leaves_the_observation_as_it_is() -> None:
    obs = np.linspace(-1, 1, 4, dtype=np.float32)
    q_twin(q_network(FEATURES, 2, hidden=()))(obs)
    np.testing.assert_array_equal(obs, np.linspace(-1, 1, 4, dtype=np.float32))
