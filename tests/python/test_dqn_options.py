"""DQN's options, alone and together: each is its paper's, and all of them go with each other."""

from __future__ import annotations

import copy
import functools
import itertools
import os
import random
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

import sharpwave as sw
from sharpwave.agents import DQN, SAC, DQNConfig, SACConfig, q_network, rainbow
from sharpwave.batch import Batch

FEATURES = spaces.Box(-1, 1, (3,), np.float32)
N = 3
SMALL: dict[str, Any] = {"hidden": (16, 8), "batch_size": 16}
OPTIONS: dict[str, tuple[Any, ...]] = {
    "double": (False, True),
    "dueling": (False, True),
    "noisy": (False, True),
    "distribution": ("none", "c51", "qr", "iqn"),
    "munchausen": (False, True),
    "prioritized": (False, True),
    "n_step": (1, 3),
    "cql_alpha": (0.0, 0.5),
}
DISTRIBUTIONS = OPTIONS["distribution"]


def combinations(number: int) -> list[dict[str, Any]]:
    """Some of all combinations; each choice is in many of them."""
    every = [dict(zip(OPTIONS, c, strict=True)) for c in itertools.product(*OPTIONS.values())]
    return random.Random(0).sample(every, number)


def agent_of(seed: int = 0, **settings) -> DQN:
    return DQN(FEATURES, spaces.Discrete(N), DQNConfig(**{**SMALL, **settings}), seed=seed)


def filled_buffer(agent: DQN, rows: int = 200) -> sw.ReplayBuffer:
    """What a run would learn from, of random transitions with ends of both kinds."""
    config, rng = agent.config, np.random.default_rng(0)
    alpha = config.priority_alpha
    sampler = sw.Prioritized(alpha=alpha, beta=0.4) if config.prioritized else sw.Uniform()
    buffer = sw.ReplayBuffer(
        rows,
        observation_space=FEATURES,
        action_space=spaces.Discrete(N),
        sampler=sampler,
        seed=0,
        **agent.buffer_options(),
    )
    obs = rng.uniform(-1, 1, 3).astype(np.float32)
    for _ in range(rows):
        next_obs = rng.uniform(-1, 1, 3).astype(np.float32)
        terminated, truncated = rng.random(2) < 0.1
        buffer.add(obs, rng.integers(N), rng.normal(), next_obs, terminated, truncated)
        obs = next_obs
    return buffer


def random_batch(size: int = 8, seed: int = 0) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(seed)
    return SimpleNamespace(
        obs=torch.randn(size, 3, generator=generator),
        action=torch.randint(N, (size,), generator=generator),
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, 3, generator=generator),
        discount=0.9 * (torch.rand(size, generator=generator) > 0.2).float(),
    )


def weights_of(network: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# --- together


def test_the_sample_of_combinations_has_every_choice_often() -> None:
    sample = combinations(24)
    for name, choices in OPTIONS.items():
        for choice in choices:
            assert sum(settings[name] == choice for settings in sample) >= 3


@pytest.mark.parametrize("settings", combinations(24), ids=lambda s: "-".join(map(str, s.values())))
def test_every_combination_learns_from_a_real_batch(settings) -> None:
    agent, twin = agent_of(**settings), agent_of(**settings)
    buffer, again = filled_buffer(agent), filled_buffer(twin)
    online, target = weights_of(agent.online), weights_of(agent.target)
    for _ in range(3):
        batch = agent.sample(buffer)
        assert ("weight" in batch) == settings["prioritized"]
        before = weights_of(agent.online)
        loss, td_error, _ = agent.update(batch)
        assert torch.isfinite(loss)
        assert td_error.shape == (16,) and torch.isfinite(td_error).all() and (td_error >= 0).all()
        assert not loss.requires_grad and not td_error.requires_grad
        if settings["prioritized"]:
            buffer.update_priorities(batch.index, td_error)
        batch = twin.sample(again)
        assert twin.update(batch).loss.item() == loss.item()
        if settings["prioritized"]:
            again.update_priorities(batch.index, td_error)
        assert not same(weights_of(agent.online), before)
    assert not any(map(torch.equal, weights_of(agent.online), online))
    assert all(torch.isfinite(w).all() for w in weights_of(agent.online))
    assert same(weights_of(agent.target), target)
    assert same(weights_of(agent.online), weights_of(twin.online))
    agent.update_target()
    assert same(weights_of(agent.target), weights_of(agent.online))


@pytest.mark.parametrize("settings", combinations(12), ids=lambda s: "-".join(map(str, s.values())))
def test_a_copy_of_every_combination_goes_on_exactly(settings) -> None:
    agent, batch = agent_of(**settings), random_batch()
    agent.update(batch)
    clone = copy.deepcopy(agent)
    assert agent.update(batch).loss.item() == clone.update(batch).loss.item()
    assert same(weights_of(agent.online), weights_of(clone.online))
    obs = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    assert agent.explore(obs, 10, 99).tolist() == clone.explore(obs, 10, 99).tolist()


# --- rainbow


def test_rainbow_is_six_options_and_their_settings() -> None:
    config = rainbow(**SMALL, v_min=-2.0, v_max=2.0)
    parts = {"double": True, "dueling": True, "noisy": True, "distribution": "c51"}
    parts |= {"prioritized": True, "priority_alpha": 0.5, "n_step": 3, "adam_eps": 1.5e-4}
    assert config == DQNConfig(**SMALL, **parts, v_min=-2.0, v_max=2.0)
    assert rainbow(noisy=False).noisy is False
    agent = DQN(FEATURES, spaces.Discrete(N), config)
    assert agent.buffer_options() == {"n_step": 3, "gamma": 0.99}
    assert agent.optimizer.param_groups[0]["eps"] == 1.5e-4
    with pytest.raises(TypeError):
        rainbow(multistep=3)


def moved(p: np.ndarray, reward: float, discount: float, atoms: np.ndarray) -> np.ndarray:
    """The projection of Bellemare et al. 2017, Algorithm 1, as shares of a triangle."""
    spacing, m = atoms[1] - atoms[0], np.zeros(len(atoms))
    for mass, atom in zip(p, atoms, strict=True):
        place = np.clip(reward + discount * atom, atoms[0], atoms[-1])
        m += mass * np.clip(1 - np.abs(place - atoms) / spacing, 0, 1)
    return m


def test_rainbows_loss_is_made_of_its_parts() -> None:
    agent = DQN(FEATURES, spaces.Discrete(N), rainbow(**SMALL, v_min=-2.0, v_max=3.0, atoms=11))
    batch, atoms = random_batch(), np.linspace(-2.0, 3.0, 11)
    batch.weight = torch.linspace(0.1, 1.0, 8)
    with torch.no_grad():
        agent.target.advantage.layers[-1].weight.mul_(3)
    twin = copy.deepcopy(agent)
    update = agent.update(batch)
    for noise in twin._noises:
        noise.resample(twin.generator)
    with torch.no_grad():
        networks = ((twin.online, batch.obs), (twin.online, batch.next_obs))
        networks += ((twin.target, batch.next_obs),)
        now, chooser, later = (
            network(obs).double().softmax(2).numpy() for network, obs in networks
        )
    best = (chooser @ atoms).argmax(1)
    losses, divergences = [], []
    for i in range(8):
        reward, discount = batch.reward[i].item(), batch.discount[i].item()
        m = moved(later[i, best[i]], reward, discount, atoms)
        losses.append(-(m * np.log(now[i, batch.action[i]])).sum())
        divergences.append(losses[-1] + (m * np.log(np.where(m > 0, m, 1))).sum())
    expected = np.mean(batch.weight.numpy() * losses)
    assert update.loss.item() == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(update.td_error, divergences, rtol=1e-3, atol=1e-5)


# --- dueling


@pytest.mark.parametrize("outputs", [1, 5])
def test_the_mean_of_the_advantages_is_of_one_observation_alone(outputs) -> None:
    network = q_network(FEATURES, N, (8,), dueling=True, outputs=outputs)
    obs = random_batch(6).obs
    with torch.no_grad():
        # so that observations differ much
        network.advantage.layers[-1].weight.mul_(10)
        features = network.torso(network.encoder(obs))
        value = network.value(features).reshape(6, 1, outputs)
        advantage = network.advantage(features).reshape(6, N, outputs)
        expected = np.stack([v + a - a.mean(0) for v, a in zip(value, advantage, strict=True)])
        actual = network(obs).reshape(6, N, outputs)
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(actual.mean(1), value[:, 0], rtol=1e-5, atol=1e-5)
        for i in range(6):
            torch.testing.assert_close(network(obs[i : i + 1])[0], network(obs)[i])


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_number_added_to_all_advantages_changes_nothing(distribution) -> None:
    agent, batch = agent_of(dueling=True, distribution=distribution), random_batch()
    fractions = agent._fractions(8)
    before, error = agent.losses(batch, *fractions)
    for network in (agent.online, agent.target):
        with torch.no_grad():
            network.advantage.layers[-1].bias.add_(3.0)
    after, after_error = agent.losses(batch, *fractions)
    assert after.item() == pytest.approx(before.item(), rel=1e-5)
    torch.testing.assert_close(after_error, error, rtol=1e-4, atol=1e-5)


# --- weights


@pytest.mark.parametrize("munchausen", [False, True])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_weight_of_zero_silences_a_row(distribution, munchausen) -> None:
    settings = {"distribution": distribution, "munchausen": munchausen}
    loud, quiet, batch = agent_of(**settings), agent_of(**settings), random_batch()
    batch.weight = torch.tensor([1.0, 0.0, 0.5, 1.0, 0.0, 0.25, 1.0, 1.0])
    silent = batch.weight == 0
    other = copy.deepcopy(batch)
    other.obs[silent], other.next_obs[silent], other.reward[silent] = 7.0, -7.0, 100.0
    other.action[silent], other.discount[silent] = 0, 1.0
    for _ in range(3):
        a, b = loud.update(other), quiet.update(batch)
        assert a.loss.item() == pytest.approx(b.loss.item(), rel=1e-6)
        torch.testing.assert_close(a.td_error[~silent], b.td_error[~silent])
        assert not torch.isclose(a.td_error[silent], b.td_error[silent]).any()
    for ours, theirs in zip(weights_of(loud.online), weights_of(quiet.online), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_loss_is_the_mean_of_weighted_rows(distribution) -> None:
    agent, batch = agent_of(distribution=distribution), random_batch()
    fractions = agent._fractions(8)
    batch.weight = torch.rand(8, generator=torch.Generator().manual_seed(1))
    whole, errors = agent.losses(batch, *fractions)
    singles = []
    for i in range(8):
        row = SimpleNamespace(**{name: c[i : i + 1] for name, c in vars(batch).items()})
        tau = [None if f is None else f[i : i + 1] for f in fractions]
        loss, error = agent.losses(row, *tau)
        singles.append(loss.item())
        torch.testing.assert_close(error[0], errors[i], rtol=1e-4, atol=1e-6)
    assert whole.item() == pytest.approx(np.mean(singles), rel=1e-5)
    batch.weight[:] = 1.0
    ones, _ = agent.losses(batch, *fractions)
    del batch.weight
    assert agent.losses(batch, *fractions)[0].item() == ones.item()


# --- conservative Q-learning


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_conservative_term_is_that_of_its_paper(distribution) -> None:
    settings = {"distribution": distribution, "seed": 1}
    plain, held = agent_of(**settings), agent_of(**settings, cql_alpha=0.7)
    batch, fractions = random_batch(), plain._fractions(8)
    output = plain.online(batch.obs, fractions[0])
    values = plain.distribution.values(output).detach().double().numpy()
    taken = values[np.arange(8), batch.action]
    term = np.mean([np.log(np.exp(row).sum()) for row in values] - taken)
    (a, a_error), (b, b_error) = (agent.losses(batch, *fractions) for agent in (plain, held))
    assert b.item() - a.item() == pytest.approx(0.7 * term, rel=1e-4)
    assert torch.equal(a_error, b_error), "priorities are of the TD error alone"


def test_the_conservative_term_lowers_what_the_data_does_not_have() -> None:
    plain, held = agent_of(learning_rate=1e-2), agent_of(learning_rate=1e-2, cql_alpha=1.0)
    batch = random_batch()
    batch.action[:] = 1
    for agent in (plain, held):
        for _ in range(100):
            agent.update(batch)
    with torch.no_grad():
        gaps = [
            q[:, 1] - q[:, [0, 2]].amax(1) for q in (a.online(batch.obs) for a in (plain, held))
        ]
    assert (gaps[1] > gaps[0] + 1).all()
    assert (gaps[1] > 0).all()


# --- compiled

COMPILED = {
    "plain": (DQN, spaces.Discrete(N), DQNConfig, {"backend": "torch"}),
    "c51": (DQN, spaces.Discrete(N), DQNConfig, {"distribution": "c51"}),
    "sac": (SAC, spaces.Box(-1, 1, (2,), np.float32), SACConfig, {}),
}


def pair(name: str) -> tuple[Any, Any]:
    kind, action_space, config, settings = COMPILED[name]
    settings = {**SMALL, **settings}
    return tuple(kind(FEATURES, action_space, config(**settings, compile=c)) for c in (False, True))


def batch_for(name: str, seed: int) -> Batch:
    """As a buffer gives it: what is traced has to see through its class."""
    columns = {**vars(random_batch(seed=seed)), "weight": torch.linspace(0.1, 1.0, 8)}
    if name == "sac":
        columns["action"] = torch.rand(8, 2, generator=torch.Generator().manual_seed(seed))
    return Batch(columns)


def assert_compiling_changes_nothing(name: str) -> None:
    plain, compiled = pair(name)
    for seed in range(4):
        a, b = plain.update(batch_for(name, seed)), compiled.update(batch_for(name, seed))
        assert b.loss.item() == pytest.approx(a.loss.item(), rel=1e-5, abs=1e-5)
        torch.testing.assert_close(b.td_error, a.td_error, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(weights_of(compiled.policy), weights_of(plain.policy), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", COMPILED)
def test_a_step_that_is_traced_is_the_same_step(name, monkeypatch) -> None:
    whole = functools.partial(torch.compile, backend="eager", fullgraph=True)
    monkeypatch.setattr(torch, "compile", whole)
    assert_compiling_changes_nothing(name)


@pytest.mark.skipif(
    "SHARPWAVE_TEST_COMPILE" not in os.environ, reason="takes a minute: SHARPWAVE_TEST_COMPILE=1"
)
@pytest.mark.skipif(not shutil.which("g++") and not shutil.which("c++"), reason="no C++ compiler")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", COMPILED)
def test_a_step_that_is_compiled_is_the_same_step(name) -> None:
    assert_compiling_changes_nothing(name)
