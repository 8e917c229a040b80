"""What IQN adds to quantile regression: fractions that are drawn, and their embedding."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from sharpwave.agents.iqn import ImplicitQuantiles, QuantileEmbedding, draw_tau, midpoints


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain_loss(prediction, target, tau) -> float:
    """Dabney et al. 2018b, equation 3, with kappa 1, for one transition."""
    total = 0.0
    for theta, fraction in zip(prediction, tau, strict=True):
        for y in target:
            u = y - theta
            huber = u * u / 2 if abs(u) <= 1 else abs(u) - 0.5
            total += (1 - fraction if u < 0 else fraction) * huber
    return total / len(target)


def test_the_loss_sums_over_the_fractions_drawn_and_averages_over_the_targets() -> None:
    tau = draw_tau(6, 8, generator(), dtype=torch.float64)
    prediction = 3 * torch.randn(6, 8, generator=generator(1), dtype=torch.float64)
    target = 3 * torch.randn(6, 5, generator=generator(2), dtype=torch.float64)
    losses = ImplicitQuantiles().loss(prediction, target, tau)
    rows = zip(prediction.tolist(), target.tolist(), tau.tolist(), strict=True)
    assert losses.tolist() == pytest.approx([plain_loss(*row) for row in rows], rel=1e-12)
    assert losses.shape == (6,)


def test_the_loss_heeds_kappa_and_which_fraction_is_whose() -> None:
    prediction, target = torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0]])
    tau = torch.tensor([[0.25, 1.0]])
    loss = ImplicitQuantiles(kappa=2.0).loss(prediction, target, tau)
    assert loss.item() == pytest.approx(1.25 * 2.0 * (4.0 - 1.0) / 2.0)


# --- the embedding


def test_the_embedding_is_equation_4() -> None:
    torch.manual_seed(0)
    module = QuantileEmbedding(features=3, embedding=4).double()
    features, tau = torch.randn(2, 3).double(), torch.rand(2, 5).double()
    weight, bias = module.linear.weight.tolist(), module.linear.bias.tolist()
    result = module(features, tau)
    assert result.shape == (2, 5, 3)
    for b in range(2):
        for n in range(5):
            cosines = [math.cos(math.pi * i * tau[b, n].item()) for i in range(4)]
            for w in range(3):
                total = sum(c * x for c, x in zip(cosines, weight[w], strict=True)) + bias[w]
                expected = max(total, 0.0) * features[b, w].item()
                assert result[b, n, w].item() == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_every_row_and_fraction_is_embedded_on_its_own() -> None:
    module = QuantileEmbedding(features=16)
    features, tau = torch.randn(4, 16, generator=generator()), draw_tau(4, 8, generator())
    whole = module(features, tau)
    for b in range(4):
        for n in range(8):
            single = module(features[b : b + 1], tau[b : b + 1, n : n + 1])
            torch.testing.assert_close(single[0, 0], whole[b, n], rtol=1e-5, atol=1e-6)


def test_gradients_reach_the_features_and_the_embedding() -> None:
    torch.manual_seed(0)
    module = QuantileEmbedding(features=3, embedding=4).double()
    features, tau = torch.randn(2, 3).double().requires_grad_(), torch.rand(2, 5).double()
    assert torch.autograd.gradcheck(lambda x: module(x, tau), (features,))
    module(features, tau).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in module.parameters())


def test_the_state_of_an_embedding_is_its_linear_layer() -> None:
    module = QuantileEmbedding(features=3, embedding=4)
    assert set(module.state_dict()) == {"linear.weight", "linear.bias"}
    assert module.linear.weight.shape == (3, 4)


def test_fractions_of_other_rows_are_refused() -> None:
    module = QuantileEmbedding(features=3)
    for shape in ((1, 8), (8,), (4, 1, 8)):
        with pytest.raises(ValueError, match="tau: expected shape"):
            module(torch.zeros(4, 3), torch.zeros(shape))


# --- the fractions


def test_fractions_are_uniform_and_the_generators_own() -> None:
    before = torch.get_rng_state()
    tau = draw_tau(100, 200, generator(3))
    assert tau.shape == (100, 200)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(tau, draw_tau(100, 200, generator(3)))
    assert not torch.equal(tau, draw_tau(100, 200, generator(4)))
    assert 0 <= tau.min() < tau.max() < 1
    counts = torch.histc(tau, 10, 0, 1)
    # 20,000 draws, each part with chance 0.1: mean 2000, deviation 42
    assert (counts - 2000).abs().max() < 5 * 42


def test_a_gradient_step_draws_three_sets_that_differ() -> None:
    returns = ImplicitQuantiles(samples=3, target_samples=4, policy_samples=5)
    sets = returns.fractions(6, generator())
    assert [tuple(tau.shape) for tau in sets] == [(6, 3), (6, 4), (6, 5)]
    assert torch.cat(sets, 1).unique().numel() == 6 * 12


def test_to_act_the_fractions_are_midpoints() -> None:
    tau = ImplicitQuantiles(policy_samples=4).midpoints(3)
    assert tau.tolist() == [midpoints(4).tolist()] * 3
    assert midpoints(4).tolist() == [0.125, 0.375, 0.625, 0.875]


@pytest.mark.parametrize("name", ["samples", "target_samples", "policy_samples", "embedding"])
def test_counts_are_checked(name) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected an integer of at least 1, got 0"):
        ImplicitQuantiles(**{name: 0})


def test_kappa_is_checked() -> None:
    with pytest.raises(ValueError, match="kappa"):
        ImplicitQuantiles(kappa=0.0)
