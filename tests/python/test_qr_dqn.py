"""The quantile regression of QR-DQN and IQN against its definition in plain Python."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.nn.functional import one_hot

from sharpwave.agents import qr_dqn
from sharpwave.agents.iqn import ImplicitQuantiles
from sharpwave.agents.qr_dqn import Quantiles, midpoints, quantile_huber

DTYPES = [torch.float32, torch.float64]
BOTH = [Quantiles(quantiles=5), ImplicitQuantiles()]


def plain_loss(prediction, target, tau, kappa) -> float:
    """Dabney et al. 2018, equations 9 and 10, for one transition."""
    total = 0.0
    for theta, fraction in zip(prediction, tau, strict=True):
        for y in target:
            u = y - theta
            huber = u * u / 2 if abs(u) <= kappa else kappa * (abs(u) - kappa / 2)
            total += abs(fraction - (u < 0)) * huber / kappa / len(target)
    return total


def random_case(batch: int, n: int, m: int, dtype=torch.float64) -> tuple[torch.Tensor, ...]:
    """Predictions, targets and fractions."""
    generator = torch.Generator().manual_seed(10_000 * batch + 100 * n + m)
    draw = {"generator": generator, "dtype": dtype}
    prediction, target = torch.randn(batch, n, **draw), torch.randn(batch, m, **draw)
    return 2 * prediction, 2 * target + 0.5, torch.rand(batch, n, **draw)


def outputs(batch: int, actions: int, n: int, dtype=torch.float64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, actions, n, generator=generator, dtype=dtype)


# --- the loss


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kappa", [0.01, 1.0, 3.0])
@pytest.mark.parametrize(("batch", "n", "m"), [(1, 1, 1), (5, 1, 7), (6, 8, 8), (33, 9, 4)])
def test_it_is_the_definition(batch, n, m, kappa, dtype) -> None:
    case = random_case(batch, n, m, dtype)
    rows = zip(*(x.double().tolist() for x in case), strict=True)
    losses = quantile_huber(*case, kappa)
    assert (losses.shape, losses.dtype) == ((batch,), dtype)
    rtol = 1e-5 if dtype == torch.float32 else 1e-12
    np.testing.assert_allclose(losses, [plain_loss(*row, kappa) for row in rows], rtol=rtol)


@pytest.mark.parametrize("kappa", [0.3, 1.0])
def test_its_gradient_is_that_of_finite_differences(kappa) -> None:
    prediction, target, tau = random_case(4, 5, 6)
    assert torch.autograd.gradcheck(
        lambda p: quantile_huber(p, target, tau, kappa), (prediction.requires_grad_(),)
    )


def test_its_gradient_is_that_of_autograd_through_the_definition() -> None:
    prediction, target, tau = random_case(7, 8, 9)
    weight = torch.linspace(0.1, 2, 7).double()
    prediction.requires_grad_()
    u = target.unsqueeze(1) - prediction.unsqueeze(2)
    huber = torch.where(u.abs() <= 1, u * u / 2, u.abs() - 0.5)
    plain = (huber * (tau.unsqueeze(2) - (u < 0).double()).abs()).mean(2).sum(1)
    losses = quantile_huber(prediction, target, tau)
    torch.testing.assert_close(losses, plain)
    for a, b in zip(
        torch.autograd.grad((weight * losses).sum(), prediction),
        torch.autograd.grad((weight * plain).sum(), prediction),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("error", "tau", "loss", "slope"),
    [
        # The error is that of the target, the slope that in the prediction.
        (10.0, 0.5, 0.5 * 9.5, -0.5),
        (-0.3, 0.5, 0.5 * 0.045, 0.15),
        (-7.0, 0.5, 0.5 * 6.5, 0.5),
        (10.0, 0.9, 0.9 * 9.5, -0.9),
        (-10.0, 0.9, 0.1 * 9.5, 0.1),
        (0.5, 0.0, 0.0, 0.0),
        (0.0, 0.3, 0.0, 0.0),
        (1.0, 1.0, 0.5, -1.0),
    ],
)
def test_the_slope_is_the_clipped_error_weighted_by_its_side(error, tau, loss, slope) -> None:
    prediction = torch.tensor([[2.0]], requires_grad=True)
    value = quantile_huber(prediction, torch.tensor([[2.0 + error]]), torch.tensor([[tau]]))
    value.sum().backward()
    assert value.item() == pytest.approx(loss, abs=1e-6)
    assert prediction.grad.item() == pytest.approx(slope, abs=1e-6)


def test_with_a_small_kappa_the_slope_is_the_share_of_targets_below_less_tau() -> None:
    prediction, target, tau = random_case(6, 5, 50)
    prediction.requires_grad_()
    quantile_huber(prediction, target, tau, 1e-9).sum().backward()
    below = (target.unsqueeze(1) < prediction.unsqueeze(2)).double().mean(2)
    torch.testing.assert_close(prediction.grad, below - tau)


def test_its_least_is_at_the_quantiles() -> None:
    target = torch.linspace(0, 1, 1001).double().unsqueeze(0)
    prediction = torch.full((1, 4), 0.5, dtype=torch.float64, requires_grad=True)
    tau = midpoints(4, dtype=torch.float64).unsqueeze(0)
    for _ in range(300):
        loss = quantile_huber(prediction, target, tau, 1e-4)
        (slope,) = torch.autograd.grad(loss.sum(), prediction)
        prediction = (prediction - 0.1 * slope).detach().requires_grad_()
    torch.testing.assert_close(prediction.detach(), tau, rtol=0, atol=2e-3)


@pytest.mark.parametrize("pairs", [1, 6 * 7, 2 * 6 * 7, 3 * 6 * 7 + 1])
def test_pieces_give_what_the_whole_gives(pairs, monkeypatch) -> None:
    prediction, target, tau = random_case(11, 6, 7)
    prediction.requires_grad_()
    whole = quantile_huber(prediction, target, tau)
    monkeypatch.setattr(qr_dqn, "CACHED", pairs)
    pieces = quantile_huber(prediction, target, tau)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=0)
    for a, b in zip(
        torch.autograd.grad(pieces.sum(), prediction),
        torch.autograd.grad(whole.sum(), prediction),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_batch_of_its_full_size_goes_in_pieces_and_is_right() -> None:
    prediction, target, _ = random_case(16, 200, 200, torch.float32)
    assert qr_dqn.CACHED < 16 * 200 * 200
    losses = Quantiles(200).loss(prediction, target)
    tau = [(2 * i + 1) / 400 for i in range(200)]
    for i in (0, 7, 15):
        expected = plain_loss(prediction[i].tolist(), target[i].tolist(), tau, 1.0)
        assert losses[i].item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_quantiles_is_at_their_midpoints_and_heeds_kappa() -> None:
    prediction, target, _ = random_case(3, 4, 5)
    losses = Quantiles(quantiles=4, kappa=0.3).loss(prediction, target)
    rows = zip(prediction.tolist(), target.tolist(), strict=True)
    tau = [0.125, 0.375, 0.625, 0.875]
    assert losses.tolist() == pytest.approx([plain_loss(*row, tau, 0.3) for row in rows])


def test_only_the_prediction_gets_a_gradient() -> None:
    prediction, target, tau = (x.requires_grad_() for x in random_case(3, 4, 5))
    quantile_huber(prediction, target, tau).sum().backward()
    assert prediction.grad is not None
    assert target.grad is None
    assert tau.grad is None


def test_a_batch_loses_what_its_rows_lose() -> None:
    prediction, target, _ = random_case(6, 5, 5)
    losses = BOTH[0].loss(prediction, target)
    singles = [BOTH[0].loss(prediction[i : i + 1], target[i : i + 1]).item() for i in range(6)]
    assert losses.tolist() == pytest.approx(singles, rel=1e-12)


def test_nan_stays_in_its_row() -> None:
    prediction, target, tau = random_case(3, 4, 5)
    target[1, 2] = math.nan
    losses = quantile_huber(prediction.requires_grad_(), target, tau)
    (slope,) = torch.autograd.grad(losses.sum(), prediction)
    assert losses.isnan().tolist() == [False, True, False]
    assert slope.isnan().any(1).tolist() == [False, True, False]


# --- what the numbers of an action mean


def test_a_network_gives_a_number_for_every_quantile_and_for_every_fraction_given() -> None:
    assert [returns.outputs for returns in BOTH] == [5, 1]


@pytest.mark.parametrize("returns", BOTH)
def test_values_are_means_with_torch_and_without(returns) -> None:
    output = outputs(4, 3, 5)
    values = returns.values(output)
    for row, one in zip(values, output, strict=True):
        expected = [sum(quantiles) / 5 for quantiles in one.tolist()]
        assert row.tolist() == pytest.approx(expected)
        assert returns.in_numpy(one.numpy()).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("returns", BOTH)
def test_a_policy_sure_of_an_action_mixes_to_that_action_bit_for_bit(returns) -> None:
    output, action = outputs(40, 6, 8, torch.float32), torch.arange(40) % 6
    mixed = returns.mix(output, one_hot(action, 6).float())
    assert torch.equal(mixed, returns.of(output, action))
    assert torch.equal(mixed, output[range(40), action.tolist()])


@pytest.mark.parametrize("returns", BOTH)
def test_a_mixture_weighs_quantile_by_quantile(returns) -> None:
    output, pi = outputs(4, 3, 5), outputs(1, 4, 3)[0].softmax(1)
    z = output.tolist()
    expected = [
        [sum(pi[i, a].item() * z[i][a][k] for a in range(3)) for k in range(5)] for i in range(4)
    ]
    torch.testing.assert_close(returns.mix(output, pi), torch.tensor(expected).double())


@pytest.mark.parametrize("returns", BOTH)
def test_every_row_chooses_and_backs_up_its_own_action(returns) -> None:
    chooser = torch.tensor([[1.0, 2.0], [5.0, 3.0]])
    output = torch.tensor([[[0.0, 1.0], [2.0, 4.0]], [[6.0, 8.0], [0.0, 0.0]]])
    y = returns.greedy(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.0]), chooser, output)
    assert y.tolist() == [[2.0, 3.0], [2.0, 2.0]]


@pytest.mark.parametrize("returns", BOTH)
def test_the_td_error_is_between_the_means(returns) -> None:
    prediction = torch.tensor([[1.0, 3.0], [0.0, 0.0]], requires_grad=True)
    error = returns.td_error(prediction, torch.tensor([[0.0, 0.0, 1.5], [1.0, 2.0, 3.0]]), None)
    assert error.tolist() == [1.5, 2.0]
    assert not error.requires_grad


@pytest.mark.parametrize("dtype", DTYPES)
def test_midpoints_are_the_middles_of_equal_parts(dtype) -> None:
    assert midpoints(4, dtype=dtype).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert midpoints(1, dtype=dtype).dtype == dtype
    assert midpoints(3).dtype == torch.get_default_dtype()


# --- what is refused


@pytest.mark.parametrize("returns", BOTH)
@pytest.mark.parametrize(
    ("reward", "discount", "quantiles", "named"),
    [
        ((4, 1), (4,), (4, 5), "reward"),
        ((4,), (4, 1), (4, 5), "discount"),
        ((1,), (4,), (4, 5), "reward"),
        ((4,), (4,), (4, 1, 5), "next"),
    ],
)
def test_targets_that_would_broadcast_are_refused(
    returns, reward, discount, quantiles, named
) -> None:
    with pytest.raises(ValueError, match=f"{named}: expected shape"):
        returns.target(torch.zeros(reward), torch.zeros(discount), torch.zeros(quantiles))


def test_losses_that_would_broadcast_are_refused() -> None:
    prediction, tau = torch.zeros(4, 5), torch.zeros(4, 5)
    for shape in ((1, 5), (5,), (4, 1, 5)):
        with pytest.raises(ValueError, match="target: expected shape"):
            quantile_huber(prediction, torch.zeros(shape), tau)
    for shape in ((5,), (4, 1), (1, 5)):
        with pytest.raises(ValueError, match=r"tau: expected shape \(4, 5\)"):
            quantile_huber(prediction, prediction, torch.zeros(shape))
    with pytest.raises(ValueError, match="target: expected shape"):
        quantile_huber(torch.zeros(4), torch.zeros(4), torch.zeros(4))


@pytest.mark.parametrize("settings", [{"quantiles": 0}, {"kappa": 0.0}, {"kappa": math.inf}])
def test_settings_are_checked(settings) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Quantiles(**settings)


def test_it_compiles_to_one_graph() -> None:
    returns = Quantiles(quantiles=5)

    def update(output, next_output, reward, discount, action):
        with torch.no_grad():
            values = returns.values(next_output)
            mixed = returns.target(reward, discount, returns.mix(next_output, values.softmax(1)))
            greedy = returns.greedy(reward, discount, values, next_output)
        prediction = returns.of(output, action)
        losses = returns.loss(prediction, mixed)
        return losses, returns.td_error(prediction, greedy, losses)

    batch = outputs(1, 2, 8, seed=2)[0]
    arguments = (outputs(8, 3, 5), outputs(8, 3, 5, seed=1), *batch, torch.arange(8) % 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own
        compiled = torch.compile(update, backend="eager", fullgraph=True)
        results = compiled(*arguments)
    for ours, theirs in zip(results, update(*arguments), strict=True):
        torch.testing.assert_close(ours, theirs)
