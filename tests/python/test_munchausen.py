"""Munchausen's terms against equations 2 and 3 of its paper in plain Python."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from sharpwave.agents import munchausen
from sharpwave.agents.qr_dqn import Quantiles

DTYPES = [torch.float32, torch.float64]
TEMPERATURES = [0.03, 1.0, 20.0]
ALPHA, CLIP = 0.9, -1.0


def values_of(batch: int, actions: int, dtype=torch.float64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, actions, generator=generator, dtype=dtype)


def plain_policy(values: list[float], temperature: float) -> list[float]:
    weights = [math.exp((value - max(values)) / temperature) for value in values]
    return [weight / sum(weights) for weight in weights]


def plain_target(reward, discount, values, action, next_values, temperature) -> float:
    """Equation 2, with the log-policy clipped."""
    pi, next_pi = plain_policy(values, temperature), plain_policy(next_values, temperature)
    scaled = temperature * math.log(pi[action]) if pi[action] > 0 else -math.inf
    soft = sum(
        p * (q - temperature * math.log(p)) for p, q in zip(next_pi, next_values, strict=True) if p
    )
    return reward + ALPHA * min(max(scaled, CLIP), 0.0) + discount * soft


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_policy_is_a_softmax(dtype, temperature) -> None:
    values = values_of(7, 4, dtype)
    expected = [plain_policy(row, temperature) for row in values.double().tolist()]
    pi = munchausen.policy(values, temperature)
    assert pi.dtype == dtype
    rtol = 1e-3 if dtype == torch.float32 else 1e-10  # where it is below 1e-20
    np.testing.assert_allclose(pi, expected, rtol=rtol, atol=1e-7)
    log_pi = munchausen.log_policy(values, temperature)
    torch.testing.assert_close(log_pi.exp(), pi, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_terms_together_are_equation_2(dtype, temperature) -> None:
    batch, rng = 64, np.random.default_rng(0)
    values, next_values = values_of(batch, 3, dtype), values_of(batch, 3, dtype, seed=1)
    reward, discount = values_of(2, batch, dtype, seed=2)
    action = torch.from_numpy(rng.integers(3, size=batch))
    bonus = munchausen.bonus(values, action, ALPHA, temperature, CLIP)
    entropy = munchausen.entropy(next_values, temperature)
    mean = (munchausen.policy(next_values, temperature) * next_values).sum(1)
    y = reward + bonus + discount * (mean + entropy)
    assert bonus.shape == entropy.shape == (batch,)
    rows = zip(reward, discount, values, action, next_values, strict=True)
    expected = [plain_target(*(x.tolist() for x in row), temperature) for row in rows]
    rtol = 1e-5 if dtype == torch.float32 else 1e-11
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=1e-5 if dtype == torch.float32 else 0)


def test_with_quantiles_the_mean_of_the_targets_is_that_of_equation_2() -> None:
    returns = Quantiles(quantiles=6)
    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator, "dtype": torch.float64}
    output, next_output = torch.randn(5, 3, 6, **draw), torch.randn(5, 3, 6, **draw)
    reward, discount = torch.randn(5, **draw), torch.rand(5, **draw)
    action = torch.tensor([0, 1, 2, 0, 1])
    values, next_values = returns.values(output), returns.values(next_output)
    raised = reward + munchausen.bonus(values, action, ALPHA, 0.3, CLIP)
    raised += discount * munchausen.entropy(next_values, 0.3)
    mixed = returns.mix(next_output, munchausen.policy(next_values, 0.3))
    y = returns.target(raised, discount, mixed).mean(1)
    rows = zip(reward, discount, values, action, next_values, strict=True)
    assert y.tolist() == pytest.approx([plain_target(*(x.tolist() for x in r), 0.3) for r in rows])


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_value_and_entropy_make_the_soft_maximum(temperature) -> None:
    values = values_of(50, 5)
    mean = (munchausen.policy(values, temperature) * values).sum(1)
    soft = temperature * (values / temperature).logsumexp(1)
    torch.testing.assert_close(mean + munchausen.entropy(values, temperature), soft)


def test_cases_computed_by_hand() -> None:
    values, action = torch.tensor([[1.0, 1.0], [0.0, 9.0], [0.0, 9.0]]), torch.tensor([0, 0, 1])
    bonus = munchausen.bonus(values, action, 0.9, 0.03, -1.0)
    assert bonus.tolist() == pytest.approx([0.9 * 0.03 * math.log(0.5), -0.9, 0.0])
    assert munchausen.bonus(values, action, 0.5, 0.03, -2.0)[1].item() == -1.0
    entropy = munchausen.entropy(values, 0.03)
    assert entropy.tolist() == pytest.approx([0.03 * math.log(2), 0.0, 0.0])


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e9])
def test_nothing_overflows_and_all_stays_within_its_bounds(scale) -> None:
    values, action = scale * values_of(200, 4, torch.float32), torch.arange(200) % 4
    bonus = munchausen.bonus(values, action, ALPHA, 0.03, CLIP)
    entropy = munchausen.entropy(values, 0.03)
    assert -ALPHA <= bonus.min() <= bonus.max() <= 0
    assert 0 <= entropy.min() <= entropy.max() <= 0.03 * math.log(4) * (1 + 1e-6)
    torch.testing.assert_close(munchausen.policy(values, 0.03).sum(1), torch.ones(200))
    assert munchausen.log_policy(values, 0.03).isfinite().all()


def test_large_values_keep_the_differences_between_them() -> None:
    small = torch.tensor([[0.0, 0.0625, 0.03125]])
    large = small + 4096  # exact in float32
    for function in (munchausen.policy, munchausen.log_policy, munchausen.entropy):
        assert torch.equal(function(large, 0.03), function(small, 0.03))


def test_an_action_of_no_value_has_no_share_and_makes_no_nan() -> None:
    for none in (-math.inf, -1e9):
        values = torch.tensor([[0.5, none, 0.5]])
        assert munchausen.policy(values, 0.03).tolist() == [[0.5, 0.0, 0.5]]
        assert munchausen.entropy(values, 0.03).item() == pytest.approx(0.03 * math.log(2))
        assert munchausen.bonus(values, torch.tensor([1]), ALPHA, 0.03, CLIP).item() == (
            pytest.approx(-ALPHA)
        )


def test_actions_that_would_broadcast_are_refused() -> None:
    for shape in ((4, 1), (1,), ()):
        with pytest.raises(ValueError, match=r"action: expected shape \(4,\)"):
            munchausen.bonus(
                torch.zeros(4, 2), torch.zeros(shape, dtype=torch.int64), ALPHA, 0.03, CLIP
            )


def test_it_compiles_to_one_graph() -> None:
    def terms(values, next_values, action):
        bonus = munchausen.bonus(values, action, ALPHA, 0.03, CLIP)
        return bonus, munchausen.entropy(next_values, 0.03), munchausen.policy(next_values, 0.03)

    arguments = (values_of(8, 3), values_of(8, 3, seed=1), torch.arange(8) % 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own
        results = torch.compile(terms, backend="eager", fullgraph=True)(*arguments)
    for ours, theirs in zip(results, terms(*arguments), strict=True):
        torch.testing.assert_close(ours, theirs)
