"""C51 against Algorithm 1 of its paper in plain Python, and the cases where projections go wrong."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.nn.functional import one_hot

from sharpwave.agents import c51
from sharpwave.agents.c51 import Categorical, project

DTYPES = [torch.float32, torch.float64]
FIVE = Categorical(atoms=5, v_min=-2.0, v_max=2.0)


def plain_projection(reward, discount, p, v_min, v_max) -> list[float]:
    """Algorithm 1 for one transition."""
    spacing = (v_max - v_min) / (len(p) - 1)
    m = [0.0] * len(p)
    for j, mass in enumerate(p):
        moved = min(max(reward + discount * (v_min + j * spacing), v_min), v_max)
        b = min((moved - v_min) / spacing, len(p) - 1)
        lower, upper = math.floor(b), math.ceil(b)
        if lower == upper:
            m[lower] += mass
        else:
            m[lower] += mass * (upper - b)
            m[upper] += mass * (b - lower)
    return m


def random_case(batch: int, atoms: int, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1000 * batch + atoms)
    draw = {"generator": generator, "dtype": dtype}
    discount = torch.rand(batch, **draw) * (torch.rand(batch, **draw) > 0.2)
    probabilities = (3 * torch.randn(batch, atoms, **draw)).softmax(1)
    return 4 * torch.randn(batch, **draw), discount, probabilities


def logits(batch: int, actions: int, atoms: int, dtype=torch.float64, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, actions, atoms, generator=generator, dtype=dtype)


# --- the projection


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("batch", "atoms"), [(1, 2), (7, 5), (32, 51), (33, 100)])
@pytest.mark.parametrize(("v_min", "v_max"), [(-10.0, 10.0), (0.0, 3.7), (-5.0, -1.0)])
def test_it_is_algorithm_1(batch, atoms, dtype, v_min, v_max) -> None:
    case = random_case(batch, atoms, dtype)
    rows = zip(*(x.double().tolist() for x in case), strict=True)
    expected = [plain_projection(*row, v_min, v_max) for row in rows]
    projected = project(*case, v_min, v_max)
    assert projected.dtype == dtype
    atol = 1e-5 if dtype == torch.float32 else 1e-12
    np.testing.assert_allclose(projected, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("reward", "discount", "p", "expected"),
    [
        (0.0, 1.0, [0.2] * 5, [0.2] * 5),
        (1.0, 0.0, [0.2] * 5, [0.0, 0.0, 0.0, 1.0, 0.0]),
        (0.5, 0.5, [0.1, 0.2, 0.4, 0.2, 0.1], [0.0, 0.05, 0.45, 0.45, 0.05]),
        (1.0, 1.0, [0.1, 0.2, 0.4, 0.2, 0.1], [0.0, 0.1, 0.2, 0.4, 0.3]),
        (9.0, 1.0, [0.2] * 5, [0.0, 0.0, 0.0, 0.0, 1.0]),
        (-9.0, 0.0, [0.2] * 5, [1.0, 0.0, 0.0, 0.0, 0.0]),
        (math.inf, 0.9, [0.2] * 5, [0.0, 0.0, 0.0, 0.0, 1.0]),
    ],
)
def test_cases_computed_by_hand(reward, discount, p, expected, dtype) -> None:
    reward, discount, p = (torch.tensor([x], dtype=dtype) for x in (reward, discount, p))
    torch.testing.assert_close(
        FIVE.target(reward, discount, p), torch.tensor([expected], dtype=dtype), rtol=0, atol=1e-7
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("atoms", [2, 51, 60, 101])
def test_what_nothing_moves_stays_bit_for_bit(atoms, dtype) -> None:
    _, _, p = random_case(20, atoms, dtype)
    zeros, ones = torch.zeros(20, dtype=dtype), torch.ones(20, dtype=dtype)
    assert torch.equal(project(zeros, ones, p, -10.0, 10.0), p)
    assert torch.equal(project(zeros, ones, p, -0.1, 7.3), p)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_hundred_thousand_cases_keep_their_mass(dtype) -> None:
    reward, discount, p = random_case(100_000, 51, dtype)
    whole = reward.round()  # these land on atoms
    for r in (reward, whole, 100 * reward):
        projected = project(r, discount, p, -10.0, 10.0)
        torch.testing.assert_close(
            projected.double().sum(1), torch.ones(len(r)).double(), rtol=0, atol=1e-6
        )
        assert projected.min() >= 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_way_of_other_devices_gives_the_same(dtype) -> None:
    _, _, mass = random_case(50, 51, dtype)
    place = torch.rand(50, 51, dtype=dtype) * 50
    place[:10] = place[:10].round()
    torch.testing.assert_close(c51._summed(place, mass), c51._scattered(place, mass))


@pytest.mark.parametrize("way", [c51._scattered, c51._summed])
def test_nan_stays_in_its_row(way, monkeypatch) -> None:
    monkeypatch.setattr(c51, "_scattered", way)
    reward = torch.tensor([0.0, math.nan, 0.0])
    projected = FIVE.target(reward, torch.ones(3), torch.full((3, 5), 0.2))
    assert projected.isnan().any(1).tolist() == [False, True, False]


def test_the_mean_moves_as_a_return_does_within_the_support() -> None:
    _, discount, p = random_case(20, 51, torch.float64)
    support = torch.linspace(-10, 10, 51, dtype=torch.float64)
    reward = torch.linspace(0, 1, 20).double() * (1 - discount) * 10  # nothing is cut off
    mean = project(reward, discount, p, -10.0, 10.0) @ support
    torch.testing.assert_close(mean, reward + discount * (p @ support))


# --- what the numbers of an action mean


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_expectations_with_torch_and_without(dtype) -> None:
    returns, output = Categorical(atoms=7, v_min=-1.0, v_max=2.0), logits(5, 3, 7, dtype) * 5
    values = returns.values(output)
    for row, one in zip(values, output, strict=True):
        for value, x in zip(row, one.double().tolist(), strict=True):
            mass = [math.exp(logit) for logit in x]
            mean = sum(m * (-1 + 0.5 * j) for j, m in enumerate(mass)) / sum(mass)
            assert value.item() == pytest.approx(mean, abs=1e-5)
        numbers = returns.in_numpy(one.numpy())
        assert numbers.dtype == one.numpy().dtype
        np.testing.assert_allclose(numbers, row, rtol=0, atol=1e-5)


def test_a_network_gives_a_number_for_every_atom() -> None:
    assert FIVE.outputs == 5


def test_large_logits_do_not_overflow() -> None:
    output = torch.tensor([[[1e4, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1e4]]])
    assert FIVE.values(output).tolist() == [[-2.0, 2.0]]
    assert FIVE.in_numpy(output[0].numpy()).tolist() == [-2.0, 2.0]


def test_a_policy_sure_of_an_action_mixes_to_that_action_bit_for_bit() -> None:
    returns, output = Categorical(), logits(40, 6, 51, torch.float32)
    action = torch.arange(40) % 6
    mixed = returns.mix(output, one_hot(action, 6).float())
    assert torch.equal(mixed, returns.of(output.softmax(2), action))
    assert torch.equal(returns.of(output, action), output[range(40), action.tolist()])


def test_a_mixture_is_of_probabilities() -> None:
    output, pi = logits(4, 3, 5), logits(1, 4, 3)[0].softmax(1)
    p = output.softmax(2).tolist()
    expected = [
        [sum(pi[i, a].item() * p[i][a][k] for a in range(3)) for k in range(5)] for i in range(4)
    ]
    torch.testing.assert_close(FIVE.mix(output, pi), torch.tensor(expected).double())


def test_every_row_chooses_and_backs_up_its_own_action() -> None:
    chooser = torch.tensor([[1.0, 2.0], [5.0, 3.0]])
    sure = 1e4 * one_hot(torch.tensor([[0, 4], [3, 1]]), 5).float()  # returns -2, 2 and 1, -1
    y = FIVE.greedy(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.0]), chooser, sure)
    assert y.tolist() == [[0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0]]
    output = logits(9, 4, 5)
    chooser = FIVE.values(output)
    reward, discount, _ = random_case(9, 5, torch.float64)
    mixed = FIVE.mix(output, one_hot(chooser.argmax(1), 4).double())
    torch.testing.assert_close(
        FIVE.greedy(reward, discount, chooser, output), FIVE.target(reward, discount, mixed)
    )


# --- the loss


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_loss_is_the_cross_entropy_of_each_row(dtype) -> None:
    _, _, target = random_case(6, 5, dtype)
    prediction = logits(1, 6, 5, dtype)[0] * 3
    losses = FIVE.loss(prediction, target)
    assert losses.shape == (6,)
    for loss, x, m in zip(losses, prediction.double().tolist(), target.tolist(), strict=True):
        total = math.log(sum(math.exp(logit) for logit in x))
        expected = -sum(b * (logit - total) for logit, b in zip(x, m, strict=True))
        assert loss.item() == pytest.approx(expected, rel=1e-5)
    singles = [FIVE.loss(prediction[i : i + 1], target[i : i + 1]).item() for i in range(6)]
    assert losses.tolist() == pytest.approx(singles, rel=1e-6)


def test_only_the_prediction_gets_a_gradient_and_it_is_the_difference() -> None:
    _, _, target = random_case(4, 5, torch.float64)
    target.requires_grad_()
    prediction = logits(1, 4, 5)[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda p: FIVE.loss(p, target.detach()), (prediction,))
    FIVE.loss(prediction, target).sum().backward()
    assert target.grad is None
    torch.testing.assert_close(prediction.grad, prediction.detach().softmax(1) - target.detach())


def test_the_td_error_is_the_divergence_and_zero_where_the_prediction_is_right() -> None:
    _, _, target = random_case(50, 5, torch.float64)
    target[0] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    prediction = logits(1, 50, 5)[0].requires_grad_()
    error = FIVE.td_error(prediction, target, FIVE.loss(prediction, target))
    assert not error.requires_grad
    p = prediction.detach().softmax(1).tolist()
    for kl, row, m in zip(error.tolist(), p, target.tolist(), strict=True):
        expected = sum(b * math.log(b / a) for a, b in zip(row, m, strict=True) if b > 0)
        assert kl == pytest.approx(expected)
    right = target.float().clamp_min(1e-30).log()
    error = FIVE.td_error(right, target.float(), FIVE.loss(right, target.float()))
    assert 0 <= error.min() <= error.max() < 1e-5


# --- what is refused


@pytest.mark.parametrize(
    ("reward", "discount", "mass", "named"),
    [
        ((4, 1), (4,), (4, 5), "reward"),
        ((4,), (4, 1), (4, 5), "discount"),
        ((1,), (4,), (4, 5), "reward"),
        ((4,), (), (4, 5), "discount"),
        ((4,), (4,), (4, 1, 5), "next"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(reward, discount, mass, named) -> None:
    with pytest.raises(ValueError, match=f"{named}: expected shape"):
        FIVE.target(torch.zeros(reward), torch.zeros(discount), torch.zeros(mass))


def test_a_loss_of_other_rows_or_atoms_is_refused() -> None:
    for shape in ((1, 5), (4, 1), (4,), (4, 4, 5)):
        with pytest.raises(ValueError, match=r"target: expected shape \(4, 5\)"):
            FIVE.loss(torch.zeros(4, 5), torch.zeros(shape))
    with pytest.raises(ValueError, match=r"action: expected shape \(4,\), got \(4, 1\)"):
        FIVE.of(torch.zeros(4, 2, 5), torch.zeros(4, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"pi: expected shape \(4, 2\), got \(1, 2\)"):
        FIVE.mix(torch.zeros(4, 2, 5), torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"atoms": 1}, "atoms"), ({"v_min": math.nan}, "v_min"), ({"v_max": -10.0}, "v_max")],
)
def test_a_support_needs_two_ends(settings, named) -> None:
    with pytest.raises(ValueError, match=named):
        Categorical(**settings)


def test_it_compiles_to_one_graph() -> None:
    def update(output, next_output, reward, discount, action):
        with torch.no_grad():
            values = FIVE.values(next_output)
            mixed = FIVE.target(reward, discount, FIVE.mix(next_output, values.softmax(1)))
            greedy = FIVE.greedy(reward, discount, values, next_output)
        prediction = FIVE.of(output, action)
        losses = FIVE.loss(prediction, mixed)
        return losses, FIVE.td_error(prediction, greedy, losses)

    arguments = (logits(8, 3, 5), logits(8, 3, 5, seed=1), *random_case(8, 5, torch.float64)[:2])
    action = torch.arange(8) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own
        compiled = torch.compile(update, backend="eager", fullgraph=True)
        results = compiled(*arguments, action)
    for ours, theirs in zip(results, update(*arguments, action), strict=True):
        torch.testing.assert_close(ours, theirs)
