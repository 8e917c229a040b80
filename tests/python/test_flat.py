"""Parameters in one vector: the same network, the same gradient, the same step."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from sharpwave.agents.flat import FlatParameters, adam, adam_step, clip


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv1d(2, 3, 2), nn.Flatten(), nn.ReLU(), nn.Linear(9, 4))


def inputs(seed: int = 0) -> torch.Tensor:
    return torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(seed))


def loss_of(module: nn.Module, seed: int = 0) -> torch.Tensor:
    return module(inputs(seed)).square().sum()


def in_a_row(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


def test_parameters_become_views_of_the_vector_and_keep_their_values() -> None:
    module, before = network(), network()
    flat = FlatParameters(module)
    assert torch.equal(flat.values, in_a_row(before))
    for ours, theirs in zip(module.parameters(), before.parameters(), strict=True):
        assert ours.shape == theirs.shape
        assert torch.equal(ours, theirs)
        assert ours.untyped_storage().data_ptr() == flat.values.untyped_storage().data_ptr()
    assert [p.requires_grad for p in module.parameters()] == [True] * 4
    with torch.no_grad():
        flat.values.copy_(torch.arange(len(flat.values)))
    assert in_a_row(module).tolist() == list(range(len(flat.values)))
    with torch.no_grad():
        next(module.parameters()).zero_()
    assert flat.values[:12].tolist() == [0.0] * 12


def test_several_modules_are_laid_out_one_after_another() -> None:
    a, b = network(0), network(1)
    flat = FlatParameters(a, b)
    assert torch.equal(flat.values, torch.cat([in_a_row(a), in_a_row(b)]))


def test_its_gradient_is_autograds() -> None:
    module, theirs = network(), network()
    flat = FlatParameters(module)
    for seed in range(3):
        flat.backward(loss_of(module, seed))
        theirs.zero_grad()
        loss_of(theirs, seed).backward()
        expected = torch.cat([p.grad.reshape(-1) for p in theirs.parameters()])
        assert torch.equal(flat.gradient, expected)
        assert flat.gradient is flat.values.grad


def test_the_gradient_before_is_written_over() -> None:
    module = network()
    flat = FlatParameters(module)
    flat.backward(loss_of(module))
    once = flat.gradient.clone()
    flat.gradient.fill_(float("nan"))
    flat.backward(loss_of(module))
    assert torch.equal(flat.gradient, once)


def test_a_gradient_reaches_no_other_parameters() -> None:
    module, other = network(), network(1)
    flat = FlatParameters(module)
    flat.backward(loss_of(module) * loss_of(other))
    assert all(p.grad is None for p in other.parameters())


@pytest.mark.parametrize(("eps", "rate"), [(1e-8, 1e-3), (1.5e-4, 1e-2)])
@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_adam_over_the_vector_is_adam_over_the_parameters(eps, rate, max_norm) -> None:
    module, theirs = network(), network()
    flat = FlatParameters(module)
    ours, expected = adam(flat, rate, eps), torch.optim.Adam(theirs.parameters(), rate, eps=eps)
    for seed in range(50):
        flat.backward(loss_of(module, seed))
        expected.zero_grad()
        loss_of(theirs, seed).backward()
        if max_norm is not None:
            clip(flat.gradient, max_norm)
            nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
        ours.step()
        expected.step()
    torch.testing.assert_close(in_a_row(module), in_a_row(theirs), rtol=1e-5, atol=1e-6)
    assert not torch.equal(in_a_row(module), in_a_row(network()))


@pytest.mark.parametrize("share", [0.005, 0.25, 0.9])
def test_to_follow_is_to_move_by_a_share_of_the_way(share) -> None:
    online, target = FlatParameters(network(0)), FlatParameters(module := network(1))
    expected = (1 - share) * in_a_row(network(1)) + share * in_a_row(network(0))
    target.follow(online, share)
    torch.testing.assert_close(in_a_row(module), expected)
    assert torch.equal(online.values, in_a_row(network(0)))


def test_to_follow_all_the_way_is_a_copy_bit_for_bit() -> None:
    online, target = FlatParameters(network(0)), FlatParameters(module := network(1))
    with torch.no_grad():
        online.values.mul_(1e-3)
        target.values.mul_(1e3)
    target.follow(online, 1.0)
    assert torch.equal(in_a_row(module), online.values)
    assert module[0].weight.untyped_storage().data_ptr() == target.values.data_ptr()


def test_a_target_that_needs_no_gradient_follows_too() -> None:
    online = FlatParameters(network(0))
    target = FlatParameters(module := network(1).requires_grad_(False))
    target.follow(online, 1.0)
    assert torch.equal(in_a_row(module), online.values)
    assert not any(p.requires_grad for p in module.parameters())


def test_a_loaded_state_is_written_into_the_vector() -> None:
    flat = FlatParameters(module := network(0))
    module.load_state_dict(network(1).state_dict())
    assert torch.equal(flat.values, in_a_row(network(1)))
    assert torch.equal(in_a_row(module), in_a_row(network(1)))


def test_a_copy_of_a_network_is_laid_out_anew() -> None:
    online = FlatParameters(module := network())
    target = FlatParameters(twin := copy.deepcopy(module))
    with torch.no_grad():
        online.values.zero_()
    assert torch.equal(in_a_row(twin), in_a_row(network()))
    assert target.values.data_ptr() != online.values.data_ptr()


def test_a_step_of_adam_is_torchs_own_bit_for_bit() -> None:
    first, second = (nn.Linear(5, 3) for _ in range(2))
    second.load_state_dict(first.state_dict())
    flats = [FlatParameters(layer) for layer in (first, second)]
    optimizers = [adam(flat, 1e-2) for flat in flats]
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        gradient = torch.randn(flats[0].gradient.shape, generator=generator)
        for flat in flats:
            flat.gradient.copy_(gradient)
        optimizers[0].step()
        adam_step(optimizers[1])
        assert torch.equal(flats[0].values, flats[1].values)
