"""TD3 against its paper's algorithm in plain torch; see test_actor_critic for how it acts."""

from __future__ import annotations

import copy

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

from sharpwave.agents import TD3, TD3Config


def agent_of(space: spaces.Box = ODD, seed: int = 0, **settings) -> TD3:
    return TD3(FEATURES, space, TD3Config(**{**SMALL, **settings}), seed=seed)


class Plain:
    """Algorithm 1 of Fujimoto et al. 2018, and equation 5 of Fujimoto & Gu 2021."""

    def __init__(self, agent: TD3) -> None:
        self.config, self.count = agent.config, 0
        self.actor, self.critics = plain_actor(agent.actor), plain_critics(agent.critics)
        self.actor_target, self.critics_target = copy.deepcopy((self.actor, self.critics))
        c = self.config
        self.critics_adam = torch.optim.Adam(self.critics.parameters(), c.learning_rate)
        rate = c.actor_learning_rate or c.learning_rate
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), rate)

    def update(self, batch, noise: torch.Tensor) -> tuple[float, torch.Tensor, float | None]:
        """Return the critics' loss, the TD errors and the actor's loss."""
        c, action = self.config, to_unit(batch.action)
        weight = getattr(batch, "weight", torch.ones(len(action)))
        with torch.no_grad():
            smoothing = (c.target_noise * noise).clamp(-c.target_noise_clip, c.target_noise_clip)
            next_action = (self.actor_target(batch.next_obs).tanh() + smoothing).clamp(-1, 1)
            next_q = torch.stack(values(self.critics_target, batch.next_obs, next_action))
            y = batch.reward + batch.discount * next_q.min(0).values
        errors = [q - y for q in values(self.critics, batch.obs, action)]
        loss = sum((weight * error**2).mean() for error in errors)
        step(self.critics_adam, loss)
        td_error = torch.stack(errors).detach().abs().mean(0)
        self.count += 1
        if self.count % c.policy_delay:
            return loss.item(), td_error, None
        actor_loss = self.actor_loss(batch.obs, action)
        step(self.actor_adam, actor_loss)
        polyak(self.critics_target, self.critics, c.tau)
        polyak(self.actor_target, self.actor, c.tau)
        return loss.item(), td_error, actor_loss.item()

    def actor_loss(self, obs: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        own = self.actor(obs).tanh()
        q = values(self.critics, obs, own)[0]
        if self.config.bc_alpha is None:
            return -q.mean()
        scale = self.config.bc_alpha / q.abs().mean().item()
        return torch.nn.functional.mse_loss(own, action) - scale * q.mean()


def step(adam: torch.optim.Adam, loss: torch.Tensor) -> None:
    adam.zero_grad()
    loss.backward()
    adam.step()


def next_noise(agent: TD3, rows: int) -> torch.Tensor:
    """What the agent is about to draw."""
    generator = torch.Generator()
    generator.set_state(agent.generator.get_state())
    return torch.empty(rows, agent.scale.size).normal_(generator=generator)


def critics_loss(agent: TD3, batch, noise: list[list[float]]) -> tuple[float, list[float]]:
    loss, td_error = agent.critics_loss(batch, agent.scale.to_unit(batch.action), tensor(noise))
    return loss.item(), td_error.tolist()


def tensor(numbers: list[list[float]]) -> torch.Tensor:
    return torch.tensor(numbers)


# --- gradient steps


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"policy_delay": 3, "tau": 0.5, "learning_rate": 1e-2},
        {"critics": 1, "actor_learning_rate": 1e-3},
        {"critics": 4, "layer_norm": True},
        {"bc_alpha": 2.5, "policy_delay": 1},
        {"hidden": (), "target_noise": 1.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_twelve_updates_are_those_of_the_paper(settings, weighted) -> None:
    agent = agent_of(**settings)
    plain = Plain(agent)
    for i in range(12):
        batch = random_batch(8, seed=i, weighted=weighted)
        loss, td_error, actor_loss = plain.update(batch, next_noise(agent, 8))
        update = agent.update(batch)
        assert update.loss.item() == pytest.approx(loss, rel=1e-4)
        torch.testing.assert_close(update.td_error, td_error, rtol=1e-4, atol=1e-5)
        actual = update.logs.get("actor_loss")
        assert (None if actual is None else actual.item()) == pytest.approx(actor_loss, abs=1e-5)
    assert_same_weights(agent.actor, plain.actor, plain_actor)
    assert_same_weights(agent.actor_target, plain.actor_target, plain_actor)
    assert_same_weights(agent.critics, plain.critics, plain_critics)
    assert_same_weights(agent.critics_target, plain.critics_target, plain_critics)


def test_the_target_takes_the_least_of_the_critics() -> None:
    agent, batch = agent_of(critics=3), random_batch(1)
    constant(agent.critics, [1.0, 2.0, 3.0])
    constant(agent.critics_target, [9.0, 6.0, 7.0])
    batch.reward[:], batch.discount[:] = 1.0, 0.5
    # y = 1 + 0.5 * 6 = 4, so the errors are -3, -2 and -1
    loss, td_error = critics_loss(agent, batch, [[0.0, 0.0]])
    assert loss == pytest.approx(9.0 + 4.0 + 1.0)
    assert td_error == pytest.approx([2.0])


def test_a_terminal_transition_does_not_bootstrap() -> None:
    agent, batch = agent_of(), random_batch(1)
    constant(agent.critics, [0.0, 0.0])
    constant(agent.critics_target, [1e6, 1e6])
    batch.reward[:], batch.discount[:] = 3.0, 0.0
    assert critics_loss(agent, batch, [[0.0, 0.0]])[0] == 2 * 9.0


def smoothed(agent: TD3, noise: list[float], action: list[float]) -> list[float]:
    """The next action that the target takes, where the target's actor says ``action``."""
    with torch.no_grad():
        agent.actor_target.head.layers[-1].weight.zero_()
        agent.actor_target.head.layers[-1].bias.copy_(torch.tensor(action).atanh())
    seen = []
    agent.critics_target = lambda obs, action: seen.append(action) or torch.zeros(2, len(obs))
    critics_loss(agent, random_batch(1), [noise])
    return seen[0][0].tolist()


@pytest.mark.parametrize(
    ("noise", "action", "expected"),
    [
        ([0.5, -1.0], [0.0, 0.2], [0.1, 0.0]),  # 0.2 times the noise
        ([2.4, -2.4], [0.0, 0.0], [0.48, -0.48]),
        ([10.0, -10.0], [0.0, 0.25], [0.5, -0.25]),  # clipped to 0.5
        ([10.0, -10.0], [0.75, -0.75], [1.0, -1.0]),  # clipped to the actions
        ([-10.0, 10.0], [0.75, -0.75], [0.25, -0.25]),
    ],
)
def test_the_targets_actions_are_smoothed_by_clipped_noise(noise, action, expected) -> None:
    assert smoothed(agent_of(), noise, action) == pytest.approx(expected, abs=1e-6)


def test_the_actor_and_the_targets_wait_for_the_critics() -> None:
    agent = agent_of(policy_delay=3)
    modules = (agent.actor, agent.actor_target, agent.critics_target)
    moved = []
    for i in range(7):
        critics, before = weights_of(agent.critics), [weights_of(m) for m in modules]
        logs = agent.update(random_batch(seed=i)).logs
        assert not same(weights_of(agent.critics), critics)
        changed = [not same(weights_of(m), b) for m, b in zip(modules, before, strict=True)]
        assert changed == [("actor_loss" in logs)] * 3
        moved.append("actor_loss" in logs)
    assert moved == [False, False, True, False, False, True, False]


def test_targets_move_by_the_share_tau_and_with_one_are_copies() -> None:
    agent = agent_of(policy_delay=1, tau=0.25)
    before = weights_of(agent.critics_target) + weights_of(agent.actor_target)
    agent.update(random_batch())
    online = weights_of(agent.critics) + weights_of(agent.actor)
    target = weights_of(agent.critics_target) + weights_of(agent.actor_target)
    for old, new, goal in zip(before, target, online, strict=True):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * goal)
    agent = agent_of(policy_delay=1, tau=1.0)
    agent.update(random_batch())
    assert same(weights_of(agent.critics_target), weights_of(agent.critics))
    assert same(weights_of(agent.actor_target), weights_of(agent.actor))


def test_the_actor_climbs_the_first_critic_alone() -> None:
    agent = agent_of(hidden=())
    linear_in_the_action(agent.critics, [1.0, -1.0])
    with torch.no_grad():
        agent.critics.layers[-1].weight[1] *= -1
    obs = torch.zeros(1, 3)
    agent.actor_loss(obs, torch.zeros(1, 2)).backward()
    assert (agent.actor.head.layers[-1].bias.grad.sign()).tolist() == [-1.0, 1.0]


def test_behaviour_cloning_weighs_the_value_by_its_size_without_a_gradient() -> None:
    agent = agent_of(hidden=(), bc_alpha=2.5)
    linear_in_the_action(agent.critics, [3.0, 0.0])
    with torch.no_grad():
        agent.actor.head.layers[-1].weight.zero_()
        agent.actor.head.layers[-1].bias.copy_(torch.tensor([0.5, 0.0]).atanh())
    loss = agent.actor_loss(torch.zeros(2, 3), tensor([[0.25, 0.5], [0.75, -0.5]]))
    # Q = 3 * 0.5 = 1.5 in both rows; the mean squared distance is (0.0625 + 0.25) / 2
    assert loss.item() == pytest.approx(0.15625 - 2.5)
    loss.backward()
    # d/du of (own - action)^2 vanishes on average; of lambda Q it is 2.5 / 1.5 * 3 * (1 - 0.25)
    gradient = agent.actor.head.layers[-1].bias.grad
    assert gradient.tolist() == pytest.approx([-2.5 / 1.5 * 3 * 0.75, 0.0], abs=1e-6)


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


def test_what_is_reported_carries_no_gradient() -> None:
    agent = agent_of(policy_delay=1)
    update = agent.update(random_batch(6))
    assert update.td_error.shape == (6,)
    assert not any(x.requires_grad for x in (update.loss, update.td_error, *update.logs.values()))
    assert not any(p.requires_grad for p in agent.actor_target.parameters())
    assert not any(p.requires_grad for p in agent.critics_target.parameters())


# --- exploration


def test_then_they_are_the_actors_with_noise_in_the_networks_units() -> None:
    agent = agent_of(learning_starts=100, exploration_noise=0.1)
    with torch.no_grad():
        agent.actor.head.layers[-1].weight.zero_()
        agent.actor.head.layers[-1].bias.copy_(torch.tensor([0.5, -0.25]).atanh())
    obs = np.zeros((20_000, 3), np.float32)
    for actions in (
        agent.explore(obs, 100, 1000),
        np.stack([agent.explore(obs[0], 100, 1000) for _ in range(20_000)]),
    ):
        unit = (actions - [0.5, 0.5]) / [2.5, 0.5]
        # of 20,000 draws the mean has the deviation 0.1 / 141, the deviation 0.1 / 200
        np.testing.assert_allclose(unit.mean(0), [0.5, -0.25], rtol=0, atol=5 * 0.1 / 141)
        np.testing.assert_allclose(unit.std(0), [0.1, 0.1], rtol=0, atol=5 * 0.1 / 200)


def test_without_noise_exploring_is_acting() -> None:
    agent = agent_of(learning_starts=1, exploration_noise=0.0)
    obs = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(agent.explore(obs, 1, 9), agent.act(obs), rtol=0, atol=1e-6)
    np.testing.assert_allclose(agent.explore(obs[0], 1, 9), agent.act(obs[0]), rtol=0, atol=1e-6)


# --- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("critics", 0),
        ("exploration_noise", -0.1),
        ("target_noise", float("nan")),
        ("target_noise_clip", -1.0),
        ("policy_delay", 0),
        ("bc_alpha", 0.0),
        ("tau", 0.0),
        ("tau", 1.1),
        ("actor_learning_rate", 0.0),
        ("layer_norm", 1),
        ("hidden", (0,)),
        ("batch_size", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_came(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got "):
        TD3Config(**{name: value})
