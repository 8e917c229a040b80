"""SAC and REDQ against their papers in plain torch; see test_actor_critic for how it acts."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch
from plain_actor_critic import (
    FEATURES,
    ODD,
    SMALL,
    assert_same_weights,
    constant,
    linear_in_the_action,
    plain_actor,
    plain_critics,
    polyak,
    random_batch,
    same,
    to_unit,
    values,
    weights_of,
)
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from sharpwave.agents import SAC, SACConfig


def agent_of(space: spaces.Box = ODD, seed: int = 0, **settings) -> SAC:
    return SAC(FEATURES, space, SACConfig(**{**SMALL, **settings}), seed=seed)


class Plain:
    """Algorithm 1 of Haarnoja et al. 2018, and of Chen et al. 2021."""

    def __init__(self, agent: SAC) -> None:
        self.config, self.count, self.size = agent.config, 0, agent.scale.size
        self.actor, self.critics = plain_actor(agent.actor), plain_critics(agent.critics)
        self.critics_target = copy.deepcopy(self.critics)
        self.log_alpha = torch.tensor([math.log(self.config.temperature)], requires_grad=True)
        c = self.config
        actor_rate = c.actor_learning_rate or c.learning_rate
        self.critics_adam = torch.optim.Adam(self.critics.parameters(), c.learning_rate)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), actor_rate)
        self.alpha_adam = torch.optim.Adam([self.log_alpha], actor_rate)

    def update(self, batch, draws: Any) -> dict[str, Any]:
        c, action, alpha = self.config, to_unit(batch.action), self.log_alpha.exp().item()
        weight = getattr(batch, "weight", torch.ones(len(action)))
        noise, members = draws.noise(len(action)), draws.members()
        with torch.no_grad():
            next_action, log_pi = self.draw(batch.next_obs, noise)
            next_q = torch.stack(values(self.critics_target, batch.next_obs, next_action))
            least = next_q[members].min(0).values
            y = batch.reward + batch.discount * (least - alpha * log_pi)
        errors = [q - y for q in values(self.critics, batch.obs, action)]
        loss = sum((weight * error**2).mean() for error in errors)
        step(self.critics_adam, loss)
        seen = {"loss": loss.item(), "td": torch.stack(errors).detach().abs().mean(0)}
        self.count += 1
        if self.count % c.policy_delay == 0:
            own, log_pi = self.draw(batch.obs, draws.noise(len(action)))
            q = torch.stack(values(self.critics, batch.obs, own))
            value = q.min(0).values if c.target_critics is None else q.mean(0)
            actor_loss = (alpha * log_pi - value).mean()
            step(self.actor_adam, actor_loss)
            if c.learn_temperature:
                goal = -self.size if c.target_entropy is None else c.target_entropy
                step(self.alpha_adam, -(self.log_alpha * (log_pi.detach() + goal)).mean())
            seen |= {"actor_loss": actor_loss.item(), "entropy": -log_pi.mean().item()}
        polyak(self.critics_target, self.critics, c.tau)
        return seen | {"temperature": alpha}

    def draw(self, obs: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = self.actor(obs).split(self.size, 1)
        return judged(mean, log_std, noise)


def judged(mean, log_std, noise) -> tuple[torch.Tensor, torch.Tensor]:
    """Actions and the log of their density, as torch's own distributions have it."""
    std = log_std.clamp(-20, 2).exp()
    tanh = TanhTransform(cache_size=1)
    action = tanh(mean + std * noise)
    return action, TransformedDistribution(Normal(mean, std), [tanh]).log_prob(action).sum(1)


def step(adam: torch.optim.Adam, loss: torch.Tensor) -> None:
    adam.zero_grad()
    loss.backward()
    adam.step()


class Draws:
    """What the agent is about to draw, in its order."""

    def __init__(self, agent: SAC) -> None:
        self.generator = torch.Generator()
        self.generator.set_state(agent.generator.get_state())
        self.size, self.config = agent.scale.size, agent.config

    def noise(self, rows: int) -> torch.Tensor:
        return torch.empty(rows, self.size).normal_(generator=self.generator)

    def members(self) -> list[int]:
        n, m = self.config.critics, self.config.target_critics
        if m is None or m >= n:
            return list(range(n))
        return torch.randperm(n, generator=self.generator)[:m].tolist()


class Says:
    """An actor that says the same of every observation."""

    def __init__(self, mean: torch.Tensor, log_std: torch.Tensor) -> None:
        self.output = torch.cat([mean, log_std], 1)

    def __call__(self, obs: torch.Tensor) -> torch.Tensor:
        return self.output.expand(len(obs), -1)


# --- gradient steps


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tau": 0.5, "learning_rate": 1e-2, "temperature": 0.2},
        {"critics": 1, "actor_learning_rate": 1e-3, "target_entropy": 0.5},
        {"learn_temperature": False, "temperature": 0.01},
        {"critics": 5, "target_critics": 2, "policy_delay": 3},
        {"critics": 3, "target_critics": 3, "layer_norm": True},
        {"hidden": ()},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_twelve_updates_are_those_of_the_papers(settings, weighted) -> None:
    agent = agent_of(**settings)
    plain = Plain(agent)
    for i in range(12):
        batch = random_batch(8, seed=i, weighted=weighted)
        expected = plain.update(batch, Draws(agent))
        update = agent.update(batch)
        assert update.loss.item() == pytest.approx(expected.pop("loss"), rel=1e-4)
        torch.testing.assert_close(update.td_error, expected.pop("td"), rtol=1e-4, atol=1e-5)
        logs = {name: value.item() for name, value in update.logs.items()}
        assert logs == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert_same_weights(agent.actor, plain.actor, plain_actor)
    assert_same_weights(agent.critics, plain.critics, plain_critics)
    assert_same_weights(agent.critics_target, plain.critics_target, plain_critics)
    torch.testing.assert_close(agent.log_temperature[0], plain.log_alpha, rtol=0, atol=1e-5)


def critics_loss(agent: SAC, batch, members: Any) -> tuple[float, list[float]]:
    noise = torch.zeros(len(batch.reward), 2)
    unit, temperature = agent.scale.to_unit(batch.action), torch.tensor([0.5])
    loss, td_error = agent.critics_loss(batch, unit, temperature, noise, members)
    return loss.item(), td_error.tolist()


def test_the_target_is_the_least_critic_less_the_weighed_log_density() -> None:
    agent, batch = agent_of(critics=3), random_batch(1)
    constant(agent.critics, [0.0, 0.0, 0.0])
    constant(agent.critics_target, [9.0, 6.0, 7.0])
    agent.actor = Says(torch.zeros(1, 2), torch.zeros(1, 2))
    batch.reward[:], batch.discount[:] = 1.0, 0.5
    # without noise at mean 0: a density of (1 / sqrt(2 pi))^2, so log pi = -log(2 pi)
    y = 1.0 + 0.5 * (6.0 + 0.5 * math.log(2 * math.pi))
    loss, td_error = critics_loss(agent, batch, slice(None))
    assert loss == pytest.approx(3 * y**2)
    assert td_error == pytest.approx([y])
    y = 1.0 + 0.5 * (7.0 + 0.5 * math.log(2 * math.pi))
    assert critics_loss(agent, batch, torch.tensor([2, 0]))[1] == pytest.approx([y])


def test_a_terminal_transition_does_not_bootstrap() -> None:
    agent, batch = agent_of(), random_batch(1)
    constant(agent.critics, [0.0, 0.0])
    constant(agent.critics_target, [1e6, 1e6])
    batch.reward[:], batch.discount[:] = 3.0, 0.0
    assert critics_loss(agent, batch, slice(None))[0] == 2 * 9.0


def test_a_weight_of_zero_silences_a_row() -> None:
    loud, quiet = agent_of(), agent_of()
    batch = random_batch(8)
    batch.weight = torch.tensor([1.0, 0.5, 0.0, 1.0, 0.0, 0.25, 1.0, 1.0])
    silent = batch.weight == 0
    other = copy.deepcopy(batch)
    other.reward[silent], other.next_obs[silent] = 1e4, 1e3
    other.action[silent], other.discount[silent] = 0.0, 1.0
    for _ in range(4):
        a, b = loud.update(other), quiet.update(batch)
        assert a.loss.item() == b.loss.item()
        assert torch.equal(a.td_error[~silent], b.td_error[~silent])
        assert torch.all(a.td_error[silent] > 100)
    assert same(weights_of(loud.critics), weights_of(quiet.critics))
    assert same(weights_of(loud.actor), weights_of(quiet.actor))


def test_the_critics_target_follows_every_step_and_the_actor_waits() -> None:
    agent = agent_of(policy_delay=3, tau=0.25)
    for i in range(6):
        target, actor = weights_of(agent.critics_target), weights_of(agent.actor)
        temperature = weights_of(agent.log_temperature)
        logs = agent.update(random_batch(seed=i)).logs
        pairs = zip(
            target, weights_of(agent.critics_target), weights_of(agent.critics), strict=True
        )
        for old, new, goal in pairs:
            torch.testing.assert_close(new, 0.75 * old + 0.25 * goal)
        due = i % 3 == 2
        assert ("actor_loss" in logs) == ("entropy" in logs) == due
        assert same(weights_of(agent.actor), actor) == (not due)
        assert same(weights_of(agent.log_temperature), temperature) == (not due)


def test_what_is_reported_carries_no_gradient() -> None:
    agent = agent_of()
    update = agent.update(random_batch(6))
    assert update.td_error.shape == (6,)
    assert set(update.logs) == {"temperature", "actor_loss", "entropy"}
    assert not any(x.requires_grad for x in (update.loss, update.td_error, *update.logs.values()))
    assert all(x.ndim == 0 for x in (update.loss, *update.logs.values()))
    assert not any(p.requires_grad for p in agent.critics_target.parameters())


# --- the density


def random_policy(scale: float) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    mean, log_std, noise = torch.randn(3, 500, 2, generator=generator, dtype=torch.float64)
    return scale * mean, scale * log_std, noise


# Where a deviation of exp(-20) is far below the mean, torch's own loses digits.
@pytest.mark.parametrize(("scale", "rtol"), [(0.1, 1e-12), (1.0, 1e-11), (3.0, 1e-9), (30.0, 1e-6)])
def test_the_log_density_is_that_of_torchs_own_distributions(scale, rtol) -> None:
    mean, log_std, noise = random_policy(scale)
    agent = agent_of()
    agent.actor = Says(mean, log_std)
    action, log_pi = agent.draw(torch.zeros(500, 3), noise)
    expected_action, expected = judged(mean, log_std, noise)
    assert log_pi.dtype == torch.float64
    torch.testing.assert_close(action, expected_action, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(log_pi, expected, rtol=rtol, atol=rtol)
    assert torch.isfinite(log_pi).all()
    assert action.abs().max() <= 1


def test_its_gradient_is_that_of_torchs_own_distributions() -> None:
    mean, log_std, noise = random_policy(1.0)
    leaves = [x.clone().requires_grad_() for x in (mean, log_std)]
    judged(*leaves, noise)[1].sum().backward()
    agent = agent_of()
    ours = [x.clone().requires_grad_() for x in (mean, log_std)]
    agent.actor = Says(*ours)
    agent.draw(torch.zeros(500, 3), noise)[1].sum().backward()
    for a, b in zip(ours, leaves, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (1.0, -1.0), (-0.5, 1.0)])
def test_the_density_is_one_over_all_actions(mean, log_std) -> None:
    agent = agent_of(spaces.Box(-1, 1, (1,), np.float32))
    agent.actor = Says(torch.full((1, 1), mean).double(), torch.full((1, 1), log_std).double())
    noise = torch.linspace(-12, 12, 200_001, dtype=torch.float64).unsqueeze(1)
    action, log_pi = agent.draw(torch.zeros(len(noise), 3), noise)
    integral = torch.trapezoid(log_pi.exp(), action.squeeze(1))
    assert integral.item() == pytest.approx(1.0, abs=1e-6)


def test_far_out_the_float32_density_and_its_gradient_are_finite() -> None:
    agent = agent_of()
    output = torch.tensor([[60.0, -60.0, 5.0, -30.0], [200.0, 9.0, 2.0, -20.0]])
    output.requires_grad_()
    agent.actor = lambda obs: output
    action, log_pi = agent.draw(torch.zeros(2, 3), torch.full((2, 2), 3.0))
    (log_pi.sum() + action.sum()).backward()
    assert torch.isfinite(log_pi).all()
    assert torch.isfinite(output.grad).all()


def test_what_it_does_is_drawn_from_the_density_it_learns_by() -> None:
    agent = agent_of(learning_starts=1)
    with torch.no_grad():
        last = agent.actor.head.layers[-1]
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.5, -1.0, -0.7, 0.3]))
    obs = np.zeros((20_000, 3), np.float32)
    one_by_one = np.stack([agent.explore(obs[0], 1, 9) for _ in range(5_000)])
    for actions in (agent.explore(obs, 1, 9), one_by_one):
        u = np.arctanh(np.clip((actions - [0.5, 0.5]) / [2.5, 0.5], -1 + 1e-6, 1 - 1e-6))
        z = (u - [0.5, -1.0]) / np.exp([-0.7, 0.3])
        n = len(z)
        # of n standard normal numbers the mean has the deviation 1 / sqrt(n), their deviation
        # 1 / sqrt(2 n); clipping and float32 near the bounds add less than 0.003
        assert np.all(np.abs(z.mean(0)) < 5 / math.sqrt(n) + 0.003)
        assert np.all(np.abs(z.std(0) - 1) < 5 / math.sqrt(2 * n) + 0.003)
        assert abs(np.corrcoef(z.T)[0, 1]) < 5 / math.sqrt(n)
    mean = agent.act(obs[:1])[0]
    expected = np.tanh([0.5, -1.0]) * [2.5, 0.5] + [0.5, 0.5]
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    np.testing.assert_allclose(agent.act(obs[0]), expected, rtol=1e-5)


# --- the temperature


@pytest.mark.parametrize("target", [None, 0.7])
def test_the_temperatures_gradient_is_that_of_equation_18(target) -> None:
    agent = agent_of(target_entropy=target, temperature=0.3)
    log_pi = torch.tensor([0.4, 2.0, -1.0])
    log_alpha = torch.tensor([math.log(0.3)], requires_grad=True)
    goal = -2.0 if target is None else target
    (log_alpha * (-log_pi - goal)).mean().backward()
    agent._step_temperature(log_pi.mean())
    assert agent._temperature.gradient.tolist() == pytest.approx(log_alpha.grad.tolist())


@pytest.mark.parametrize(("entropy", "rises"), [(-5.0, True), (3.0, False)])
def test_too_little_entropy_raises_the_temperature(entropy, rises) -> None:
    agent = agent_of(temperature=0.5, learning_rate=0.1)
    agent._step_temperature(torch.tensor(-entropy))
    # the first step of Adam is the step size
    expected = 0.5 * math.exp(0.1 if rises else -0.1)
    assert agent.log_temperature[0].exp().item() == pytest.approx(expected, rel=1e-5)


def test_a_temperature_that_is_not_learned_stays() -> None:
    agent = agent_of(temperature=0.2, learn_temperature=False)
    for i in range(3):
        update = agent.update(random_batch(seed=i))
    assert update.logs["temperature"].item() == pytest.approx(0.2)


def test_the_entropy_reaches_its_target() -> None:
    agent = agent_of(learning_rate=5e-2, hidden=(), target_entropy=-1.0, backend="torch")
    agent.critics_loss = agent._critics_loss = lambda *_: (
        0 * sum(p.sum() for p in agent.critics.parameters()),
        torch.zeros(256),
    )
    linear_in_the_action(agent.critics, [1.0, -2.0])
    batch = random_batch(256)
    for _ in range(300):
        update = agent.update(batch)
    assert update.logs["entropy"].item() == pytest.approx(-1.0, abs=0.2)


# --- ensembles


def test_a_target_takes_a_few_critics_drawn_without_replacement() -> None:
    agent = agent_of(critics=5, target_critics=2)
    drawn = [agent._members().tolist() for _ in range(3000)]
    assert all(len(set(members)) == 2 for members in drawn)
    least = np.bincount([min(members) for members in drawn], minlength=5)
    # the least of two of five is k with chance (4 - k) / 10
    expected = 3000 * np.array([0.4, 0.3, 0.2, 0.1, 0.0])
    assert np.all(np.abs(least - expected) <= 5 * np.sqrt(expected))


@pytest.mark.parametrize("settings", [{}, {"target_critics": 5}, {"target_critics": 9}], ids=str)
def test_a_target_takes_all_critics_where_no_fewer_are_asked_for(settings) -> None:
    agent = agent_of(critics=5, **settings)
    before = agent.generator.get_state()
    assert agent._members() == slice(None)
    assert torch.equal(agent.generator.get_state(), before)


def test_an_ensembles_actor_climbs_the_mean_and_that_of_two_the_least() -> None:
    for settings, value in (({"critics": 3}, 1.0), ({"critics": 3, "target_critics": 2}, 4.0)):
        agent = agent_of(**settings)
        constant(agent.critics, [1.0, 2.0, 9.0])
        noise = torch.zeros(4, 2)
        loss, log_pi = agent.actor_loss(torch.zeros(4, 3), torch.tensor([0.5]), noise)
        assert loss.item() == pytest.approx(0.5 * log_pi.mean().item() - value)


# --- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("critics", 0),
        ("target_critics", 0),
        ("policy_delay", 0),
        ("temperature", 0.0),
        ("temperature", -1.0),
        ("learn_temperature", 1),
        ("target_entropy", float("inf")),
        ("target_entropy", "auto"),
        ("tau", 0.0),
        ("layer_norm", None),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_came(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got "):
        SACConfig(**{name: value})
