"""Noisy layers against equations 9 to 11 of their paper, written out, and agents that explore by them."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

from sharpwave.agents import DQN, DQNConfig, q_network
from sharpwave.agents.noisy import FlatNoise, NoisyLinear
from sharpwave.agents.numpy_twin import q_twin

FEATURES = spaces.Box(-1, 1, (3,), np.float32)
SMALL = {"hidden": (8,), "batch_size": 4, "noisy": True}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layer_of(inputs: int, outputs: int, seed: int = 0) -> NoisyLinear:
    """A layer with noise, in which no two parameters are alike."""
    layer = NoisyLinear(inputs, outputs)
    for parameter in layer.parameters():
        parameter.data.normal_(generator=generator(seed))
    FlatNoise(layer).resample(generator(seed + 1))
    return layer


def plain(layer: NoisyLinear, x: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
    """y = (W + V ε) x + b + v ε' of every row, with ε built."""
    weight, bias, weight_sigma, bias_sigma = parameters
    epsilon = torch.outer(layer.noise_out.double(), layer.noise_in.double())
    return x @ (weight + weight_sigma * epsilon).T + bias + bias_sigma * layer.noise_out.double()


def agent_of(seed: int = 0, **settings) -> DQN:
    return DQN(FEATURES, spaces.Discrete(2), DQNConfig(**{**SMALL, **settings}), seed=seed)


def random_batch(size: int = 4, seed: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        obs=torch.randn(size, 3, generator=generator(seed)),
        action=torch.randint(2, (size,), generator=generator(seed)),
        reward=torch.randn(size, generator=generator(seed)),
        next_obs=torch.randn(size, 3, generator=generator(seed + 1)),
        discount=torch.full((size,), 0.9),
    )


def noise_of(network: torch.nn.Module) -> torch.Tensor:
    layers = [m for m in network.modules() if isinstance(m, NoisyLinear)]
    return torch.cat([n for layer in layers for n in (layer.noise_in, layer.noise_out)]).clone()


# --- the layer


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (5, 3), (3, 7), (64, 32)])
@pytest.mark.parametrize("lead", [(6,), (4, 5)], ids=["rows", "rows of fractions"])
def test_it_is_the_layer_with_its_noise_written_out(inputs, outputs, lead) -> None:
    layer = layer_of(inputs, outputs)
    x = torch.randn(*lead, inputs, generator=generator(9), requires_grad=True)
    doubles = [p.detach().double().requires_grad_() for p in layer.parameters()]
    wide = x.detach().double().requires_grad_()
    slopes = torch.randn(*lead, outputs, generator=generator(8))
    ours, expected = layer(x), plain(layer, wide, doubles)
    torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-4)
    (ours * slopes).sum().backward()
    (expected * slopes).sum().backward()
    pairs = zip([x, *layer.parameters()], [wide, *doubles], strict=True)
    for actual, wanted in pairs:
        torch.testing.assert_close(actual.grad.double(), wanted.grad, rtol=1e-4, atol=1e-4)


def test_a_case_by_hand() -> None:
    layer = NoisyLinear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0]]))
        layer.weight_sigma.copy_(torch.tensor([[0.5, 0.25]]))
        layer.bias.fill_(3.0)
        layer.bias_sigma.fill_(0.1)
        layer.noise_in.copy_(torch.tensor([2.0, -4.0]))
        layer.noise_out.fill_(10.0)
    # weights 1 + 0.5 * 20 and 2 - 0.25 * 40, bias 3 + 0.1 * 10
    assert layer(torch.tensor([[1.0, 1.0]])).item() == pytest.approx(11.0 - 8.0 + 4.0)
    assert layer(torch.tensor([[1.0, 1.0]]), noisy=False).item() == 6.0


def test_without_noise_it_is_the_mean() -> None:
    layer, x = layer_of(5, 3), torch.randn(6, 5)
    linear = torch.nn.Linear(5, 3)
    linear.load_state_dict({name: getattr(layer, name) for name in ("weight", "bias")})
    assert torch.equal(layer(x, noisy=False), linear(x))
    layer(x, noisy=False).sum().backward()
    assert layer.weight_sigma.grad is layer.bias_sigma.grad is None


def test_before_noise_is_drawn_there_is_none() -> None:
    layer, x = NoisyLinear(5, 3), torch.randn(6, 5)
    assert torch.equal(layer(x), layer(x, noisy=False))


@pytest.mark.parametrize(("inputs", "sigma"), [(16, 0.5), (100, 0.1)])
def test_it_starts_as_the_paper_says(inputs, sigma) -> None:
    layer = NoisyLinear(inputs, 200, sigma)
    bound = 1 / math.sqrt(inputs)
    assert torch.all(layer.weight_sigma == sigma / math.sqrt(inputs))
    assert torch.all(layer.bias_sigma == sigma / math.sqrt(inputs))
    for mean in (layer.weight, layer.bias):
        assert mean.abs().max() <= bound
        assert mean.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.2)


# --- the noise


def test_noise_is_the_signed_root_of_normal_numbers() -> None:
    n = 200_000
    layer = NoisyLinear(n, 1)
    FlatNoise(layer).resample(generator())
    noise = layer.noise_in.double()
    # of f(x) = sign(x) sqrt|x|: E f = 0, E f^2 = E|x| = sqrt(2 / pi), E f^4 = E x^2 = 1, and the
    # deviations of their means are sqrt(0.798 / n), sqrt((1 - 0.637) / n) and sqrt(2 / n)
    assert abs(noise.mean()) < 5 * math.sqrt(0.798 / n)
    assert abs((noise**2).mean() - math.sqrt(2 / math.pi)) < 5 * math.sqrt(0.363 / n)
    assert abs((noise**4).mean() - 1) < 5 * math.sqrt(2 / n)
    assert torch.equal(noise[:5].sign(), torch.randn(n, generator=generator())[:5].sign().double())


def test_noise_of_inputs_and_outputs_is_drawn_apart() -> None:
    layer = NoisyLinear(1_000, 1_000)
    FlatNoise(layer).resample(generator())
    correlation = np.corrcoef(layer.noise_in, layer.noise_out)[0, 1]
    # for 1000 pairs without correlation its deviation is 0.032
    assert abs(correlation) < 5 * 0.032


def test_one_generator_gives_one_noise_and_torch_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    a, b, c = NoisyLinear(5, 3), NoisyLinear(5, 3), NoisyLinear(5, 3)
    before = torch.get_rng_state()
    for layer, seed in ((a, 1), (b, 1), (c, 2)):
        FlatNoise(layer).resample(generator(seed))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(noise_of(a), noise_of(b))
    assert not torch.equal(noise_of(a), noise_of(c))
    one, noise = generator(1), FlatNoise(a)
    noise.resample(one)
    first = noise_of(a)
    noise.resample(one)
    assert not torch.isin(noise_of(a), first).any()


def test_noise_is_a_part_of_the_state_and_no_parameter() -> None:
    layer, other = layer_of(5, 3), layer_of(5, 3, seed=7)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(6, 5)
    assert torch.equal(other(x), layer(x))
    assert {name for name, _ in layer.named_parameters()} == {
        *("weight", "bias"),
        *("weight_sigma", "bias_sigma"),
    }


# --- networks


@pytest.mark.parametrize("options", [{}, {"dueling": True}, {"outputs": 5}], ids=str)
@pytest.mark.parametrize("hidden", [(), (8,), (16, 8)])
def test_the_twin_in_numpy_has_the_same_noise(options, hidden) -> None:
    network = q_network(FEATURES, 3, hidden, noisy=True, **options)
    noise = FlatNoise(network)
    noise.resample(generator())
    twin = q_twin(network)
    obs = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    for noisy in (True, False):
        expected = network(torch.from_numpy(obs), None, noisy).detach().numpy()
        actual = np.stack([twin(row, noisy) for row in obs])
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    noise.resample(generator(5))
    expected = network(torch.from_numpy(obs)).detach().numpy()
    actual = np.stack([twin(row, True) for row in obs])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_the_last_hidden_layer_and_what_follows_are_noisy() -> None:
    network = q_network(FEATURES, 2, (16, 8), noisy=True, dueling=True)
    noisy = [name for name, m in network.named_modules() if isinstance(m, NoisyLinear)]
    assert noisy == [f"{s}.layers.{i}" for s in ("advantage", "value") for i in (0, 1)]
    assert not any(isinstance(m, NoisyLinear) for m in q_network(FEATURES, 2).modules())


# --- agents


def test_it_explores_by_noise_and_acts_by_the_mean() -> None:
    agent = agent_of(learning_starts=10)
    obs = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    agent.update(random_batch())
    with torch.no_grad():
        mean = agent.online(torch.from_numpy(obs), None, False).argmax(1).tolist()
        drawn = agent.online(torch.from_numpy(obs), None, True).argmax(1).tolist()
    assert mean != drawn
    assert agent.act(obs).tolist() == [agent.act(o) for o in obs] == mean
    assert agent.explore(obs, 10, 99).tolist() == [agent.explore(o, 10, 99) for o in obs] == drawn


def test_before_learning_starts_it_acts_at_random_and_then_by_noise_alone() -> None:
    agent = agent_of(learning_starts=10)
    assert [agent.epsilon(step, 99) for step in (0, 9, 10, 98)] == [1.0, 1.0, 0.0, 0.0]
    assert set(agent.explore(np.zeros((50, 3), np.float32), 9, 99).tolist()) == {0, 1}


def test_every_gradient_step_draws_new_noise_for_both_networks_and_acting_none() -> None:
    agent = agent_of(learning_starts=1)
    seen = []
    for i in range(4):
        agent.update(random_batch(seed=i))
        seen += [noise_of(agent.online), noise_of(agent.target)]
        agent.explore(np.zeros(3, np.float32), 5, 9)
        agent.act(np.zeros((2, 3), np.float32))
        assert torch.equal(noise_of(agent.online), seen[-2])
    assert len(torch.cat(seen).unique()) == 8 * len(seen[0])


def test_the_loss_is_under_the_noise_of_each_network() -> None:
    agent, batch = agent_of(double=True, loss="mse", max_grad_norm=None), random_batch()
    twin = copy.deepcopy(agent)
    loss = agent.update(batch).loss.item()
    draws = twin.generator
    for noise in twin._noises:
        noise.resample(draws)
    with torch.no_grad():
        best = twin.online(batch.next_obs).argmax(1)
        y = batch.reward + 0.9 * twin.target(batch.next_obs)[range(4), best]
        q = twin.online(batch.obs)[range(4), batch.action]
    assert loss == pytest.approx(((q - y) ** 2).mean().item(), rel=1e-5)


def test_the_target_network_keeps_its_own_noise_when_it_follows() -> None:
    agent = agent_of()
    agent.update(random_batch())
    noise = noise_of(agent.target)
    agent.update_target()
    assert torch.equal(noise_of(agent.target), noise)
    assert not torch.equal(noise_of(agent.target), noise_of(agent.online))


def test_a_loaded_state_goes_on_under_the_same_noise() -> None:
    agent, other = agent_of(learning_starts=1), agent_of(seed=3, learning_starts=1)
    agent.update(random_batch())
    other.load_state_dict(copy.deepcopy(agent.state_dict()))
    obs = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    assert agent.explore(obs, 5, 9).tolist() == other.explore(obs, 5, 9).tolist()
    assert [agent.explore(o, 5, 9) for o in obs[:50]] == [other.explore(o, 5, 9) for o in obs[:50]]
    losses = [one.update(random_batch(seed=1)).loss.item() for one in (agent, other)]
    assert losses[0] == losses[1]
    assert torch.equal(noise_of(agent.online), noise_of(other.online))
