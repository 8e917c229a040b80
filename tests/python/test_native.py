"""The native gradient step beside torch's: the same losses, the same weights, the same runs."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

from sharpwave.agents import DQN, DQNConfig
from sharpwave.agents.native import LARGEST

FEATURES = spaces.Box(-1, 1, (3,), np.float32)
ACTIONS = spaces.Discrete(4, start=5)
SMALL = DQNConfig(hidden=(16, 9), batch_size=33)


def agent_of(backend: str, **settings: Any) -> DQN:
    agent = DQN(FEATURES, ACTIONS, dataclasses.replace(SMALL, backend=backend, **settings), seed=1)
    with torch.no_grad():  # a target of its own
        agent._target.values += 0.1 * torch.randn(
            agent._target.values.shape, generator=torch.Generator().manual_seed(2)
        )
    return agent


def both(**settings: Any) -> tuple[DQN, DQN]:
    return agent_of("torch", **settings), agent_of("native", **settings)


def random_batch(seed: int = 0, size: int = 33, weight: bool = False) -> SimpleNamespace:
    """Rewards are large enough for both sides of Huber's bend."""
    options = {"generator": torch.Generator().manual_seed(seed)}
    batch = SimpleNamespace(
        obs=torch.randn(size, 3, **options),
        action=torch.randint(5, 9, (size,), **options),
        reward=2 * torch.randn(size, **options),
        next_obs=torch.randn(size, 3, **options),
        discount=0.9 * (torch.rand(size, **options) < 0.9),
    )
    if weight:
        batch.weight = torch.rand(size, **options)
    return batch


def assert_same(a: DQN, b: DQN, tolerance: float = 1e-5) -> None:
    close = {"rtol": tolerance, "atol": tolerance}
    torch.testing.assert_close(a._online.values, b._online.values, **close)
    torch.testing.assert_close(a._online.gradient, b._online.gradient, **close)
    for key, value in a.optimizer.state[a._online.values].items():
        torch.testing.assert_close(b.optimizer.state[b._online.values][key], value, **close)


@pytest.mark.parametrize("max_grad_norm", [None, 10.0, 0.05])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("loss", ["huber", "mse"])
@pytest.mark.parametrize("hidden", [(), (1,), (120, 84), (33, 17, 16, 5)])
def test_a_step_is_that_of_torch(hidden, loss, double, max_grad_norm) -> None:
    settings = {"hidden": hidden, "loss": loss, "double": double, "max_grad_norm": max_grad_norm}
    theirs, ours = both(**settings)
    for seed, size in enumerate((1, 33, 257)):
        batch = random_batch(seed, size, weight=seed == 1)
        expected, got = theirs.update(batch), ours.update(batch)
        for a, b in ((got.loss, expected.loss), (got.td_error, expected.td_error)):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
        assert_same(theirs, ours)


@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_three_hundred_steps_with_moving_targets_are_those_of_torch(loss) -> None:
    theirs, ours = both(loss=loss, tau=0.1)
    before = ours._online.values.detach().clone()
    for seed in range(300):
        batch = random_batch(seed, weight=seed % 2 == 0)
        for agent in (theirs, ours):
            agent.update(batch)
            agent.update_target()
    assert_same(theirs, ours, 1e-6)
    assert (ours._online.values - before).abs().max() > 0.01


C51 = {"distribution": "c51", "v_min": -3.0, "v_max": 4.0, "atoms": 21}
RAINBOW = {"noisy": True, "dueling": True, **C51}


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("distribution", [{}, {"loss": "mse"}, C51], ids=["huber", "mse", "c51"])
@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("hidden", [(), (8,), (33, 17), (20, 16, 9)])
def test_every_option_alone_and_with_others_is_that_of_torch(
    hidden, dueling, noisy, distribution, double
) -> None:
    settings = {"hidden": hidden, "dueling": dueling, "noisy": noisy, **distribution}
    theirs, ours = both(double=double, adam_eps=1.5e-4, **settings)
    for seed in range(12):
        batch = random_batch(seed, 1 + 16 * seed, weight=seed % 2 == 0)
        expected, got = theirs.update(batch), ours.update(batch)
        torch.testing.assert_close(got.loss, expected.loss, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(got.td_error, expected.td_error, rtol=1e-5, atol=1e-5)
        assert_same(theirs, ours)
        if seed % 5 == 4:
            theirs.update_target()
            ours.update_target()


# With this seed no input of a ReLU and no two values come so near to each other that rounding
# decides between them.
@pytest.mark.parametrize("options", [{"dueling": True}, {"noisy": True}, C51, RAINBOW], ids=str)
def test_three_hundred_steps_of_each_option_are_those_of_torch(options) -> None:
    theirs, ours = both(hidden=(20, 16, 9), adam_eps=1.5e-4, tau=0.1, **options)
    before = ours._online.values.detach().clone()
    for seed in range(300):
        batch = random_batch(seed, weight=seed % 2 == 0)
        for agent in (theirs, ours):
            agent.update(batch)
            agent.update_target()
    assert_same(theirs, ours, 1e-5)
    assert torch.equal(theirs.generator.get_state(), ours.generator.get_state())
    assert (ours._online.values - before).abs().max() > 0.01


@pytest.mark.parametrize("max_grad_norm", [None, 0.05])
def test_rainbows_gradient_is_clipped_as_torchs(max_grad_norm) -> None:
    theirs, ours = both(max_grad_norm=max_grad_norm, **RAINBOW)
    for seed in range(5):
        for agent in (theirs, ours):
            agent.update(random_batch(seed))
    assert_same(theirs, ours)
    assert ours._online.gradient.norm() < 0.051 or max_grad_norm is None


@pytest.mark.parametrize("reward", [0.0, -3.0, 4.0, 0.5, 1e6, -1e6])
@pytest.mark.parametrize("discount", [0.0, 1.0])
def test_returns_on_an_atom_and_outside_the_support_are_torchs(reward, discount) -> None:
    theirs, ours = both(**C51)
    batch = random_batch()
    batch.reward[:], batch.discount[:] = reward, discount
    expected, got = theirs.update(batch), ours.update(batch)
    torch.testing.assert_close(got.td_error, expected.td_error, rtol=1e-5, atol=1e-5)
    assert_same(theirs, ours)


SCRIPT = """
import test_native
test_native.test_a_step_is_that_of_torch((33, 17, 16, 5), "huber", True, 0.05)
test_native.test_a_step_is_that_of_torch((120, 84), "mse", False, None)
test_native.test_every_option_alone_and_with_others_is_that_of_torch(
    (33, 17), True, True, test_native.C51, True
)
"""


@pytest.mark.parametrize("kernels", ["baseline", "avx2", "avx512"])
def test_every_set_of_kernels_does(kernels) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SHARPWAVE_CPU": kernels, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_observations_of_several_axes_are_flattened() -> None:
    space = spaces.Box(-1, 1, (3, 2), np.float32)
    agents = [
        DQN(space, ACTIONS, dataclasses.replace(SMALL, backend=backend), seed=1)
        for backend in ("torch", "native")
    ]
    batch = random_batch()
    batch.obs, batch.next_obs = (torch.stack([x, -x], 2) for x in (batch.obs, batch.next_obs))
    for agent in agents:
        agent.update(batch)
    assert_same(*agents)


def test_other_dtypes_and_layouts_of_a_batch_are_read_too() -> None:
    ours, other = agent_of("native"), agent_of("native")
    ours.update(random_batch())
    batch = random_batch()
    batch.obs = batch.obs.T.contiguous().T
    batch.action, batch.reward = batch.action.int(), batch.reward.double()
    other.update(batch)
    assert torch.equal(ours._online.values, other._online.values)


# --- runs


@pytest.mark.parametrize("options", [{}, RAINBOW], ids=["plain", "rainbow"])
@pytest.mark.parametrize(("first", "then"), [("torch", "native"), ("native", "torch")])
def test_a_run_of_one_backend_is_continued_by_the_other(first, then, options) -> None:
    backends = ("torch", first, then)
    straight, saved, loaded = (agent_of(backend, **options) for backend in backends)
    for seed in range(20):
        straight.update(random_batch(seed))
    for seed in range(10):
        saved.update(random_batch(seed))
    loaded.load_state_dict(copy.deepcopy(saved.state_dict()))
    for seed in range(10, 20):
        loaded.update(random_batch(seed))
    assert_same(straight, loaded)
    assert loaded.state_dict().keys() == straight.state_dict().keys()


@pytest.mark.parametrize("options", [{}, RAINBOW], ids=["plain", "rainbow"])
@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_copy_goes_on_bit_for_bit_and_on_its_own(copy_of, options) -> None:
    agent = agent_of("native", **options)
    agent.update(random_batch(0))
    clone = copy_of(agent)
    before = agent._online.values.detach().clone()
    clone.update(random_batch(1))
    assert torch.equal(agent._online.values, before)
    agent.update(random_batch(1))
    assert torch.equal(agent._online.values, clone._online.values)


def test_the_state_is_the_optimizers_and_its_settings_are_read_at_every_step() -> None:
    agents = both()
    for agent in agents:
        agent.update(random_batch(0))
        agent.optimizer.param_groups[0].update(lr=0.02, betas=(0.5, 0.9), eps=1e-4)
        agent.update(random_batch(1))
    assert_same(*agents)
    assert agents[1].optimizer.state[agents[1]._online.values]["step"].item() == 2


# --- what is wrong


@pytest.mark.parametrize("options", [{}, RAINBOW], ids=["plain", "rainbow"])
def test_a_reward_of_nan_is_a_loss_of_nan(options) -> None:
    for agent in both(**options):
        batch = random_batch()
        batch.reward[3] = torch.nan
        update = agent.update(batch)
        assert update.loss.isnan()
        assert update.td_error.isnan().nonzero().tolist() == [[3]]
        assert agent._online.values.isnan().any()


@pytest.mark.parametrize("action", [4, 9])
def test_an_action_that_there_is_not_changes_nothing(action) -> None:
    agent, batch = agent_of("native"), random_batch()
    before = agent._online.values.detach().clone()
    batch.action[7] = action
    with pytest.raises(ValueError, match=f"^action: expected integers from 5 to 8, got {action}"):
        agent.update(batch)
    assert torch.equal(agent._online.values, before)
    assert agent.optimizer.state[agent._online.values]["step"].item() == 0


@pytest.mark.parametrize("name", ["obs", "reward", "next_obs", "discount", "weight"])
def test_sizes_that_do_not_fit_are_refused(name) -> None:
    agent, batch = agent_of("native"), random_batch(weight=True)
    setattr(batch, name, getattr(batch, name)[:-1])
    with pytest.raises(ValueError, match=f"^{name}: expected .* values, got"):
        agent.update(batch)


@pytest.mark.parametrize("at", [0, 1])
def test_noise_that_does_not_fit_is_refused(at) -> None:
    agent = agent_of("native", **RAINBOW)
    name = ("noise", "target_noise")[at]
    for noise in (None, np.zeros(3, np.float32)):
        agent._native._noises[at] = noise
        before = agent._online.values.detach().clone()
        with pytest.raises(ValueError, match=f"^{name}: expected .* values, got"):
            agent.update(random_batch())
        assert torch.equal(agent._online.values, before)


# --- which backend it is

OTHERS = {
    "distribution": "qr",
    "munchausen": True,
    "cql_alpha": 0.5,
}


@pytest.mark.parametrize("name", OTHERS)
def test_settings_that_it_does_not_know_are_torchs_or_refused_by_name(name) -> None:
    settings = {name: OTHERS[name]}
    assert agent_of("auto", **settings)._native is None
    with pytest.raises(ValueError, match=f"^backend: native expected {name}=.*, got .*backend="):
        agent_of("native", **settings)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3),
        spaces.Box(-1, 1, (3,), np.int64),
        spaces.Box(0, 255, (8, 8, 3), np.uint8),
        spaces.Dict(observation=FEATURES, action_mask=spaces.MultiBinary(4)),
    ],
)
def test_observations_that_it_does_not_know_are_torchs_or_refused(space) -> None:
    config = dataclasses.replace(SMALL, backend="native")
    assert DQN(space, ACTIONS, SMALL)._native is None
    with pytest.raises(ValueError, match=r"^backend: native expected observations of a Box"):
        DQN(space, ACTIONS, config)


def test_what_is_left_is_native_unless_it_is_large_or_torch_is_asked_for() -> None:
    assert agent_of("auto")._native is not None
    assert agent_of("torch")._native is None
    assert agent_of("auto", batch_size=LARGEST)._native is None
    assert agent_of("native", batch_size=LARGEST)._native is not None


def test_an_agent_with_a_loss_of_its_own_is_asked_for_it() -> None:
    class Doubled(DQN):
        def losses(self, batch: Any, *fractions: Any) -> Any:
            loss, td_error = super().losses(batch, *fractions)
            return 2 * loss, td_error

    batch = random_batch()
    batch.action -= 5
    plain, doubled = (kind(FEATURES, spaces.Discrete(4), SMALL) for kind in (DQN, Doubled))
    expected = 2 * plain.update(batch).loss
    torch.testing.assert_close(doubled.update(batch).loss, expected)


def test_what_is_to_be_compiled_takes_the_native_step_where_it_applies(monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function: function)
    assert agent_of("auto", compile=True)._native is not None
    assert agent_of("torch", compile=True)._native is None
