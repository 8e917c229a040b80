"""DDPG against its paper's algorithm in plain torch; see test_actor_critic for how it acts."""

from __future__ import annotations

import copy
import dataclasses

import pytest

pytest.importorskip("torch")

import torch
from plain_actor_critic import (
    FEATURES,
    ODD,
    SMALL,
    assert_same_weights,
    plain_actor,
    plain_critics,
    polyak,
    random_batch,
    to_unit,
    values,
)

from sharpwave.agents import DDPG, TD3, DDPGConfig, TD3Config


def agent_of(**settings) -> DDPG:
    return DDPG(FEATURES, ODD, DDPGConfig(**{**SMALL, **settings}))


class Plain:
    """Algorithm 1 of Lillicrap et al. 2016."""

    def __init__(self, agent: DDPG) -> None:
        self.actor, (self.critic,) = plain_actor(agent.actor), plain_critics(agent.critics)
        self.actor_target, self.critic_target = copy.deepcopy((self.actor, self.critic))
        self.tau, rate = agent.config.tau, agent.config.learning_rate
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), rate)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), rate)

    def update(self, batch) -> None:
        with torch.no_grad():
            next_action = self.actor_target(batch.next_obs).tanh()
            (next_q,) = values([self.critic_target], batch.next_obs, next_action)
            y = batch.reward + batch.discount * next_q
        (q,) = values([self.critic], batch.obs, to_unit(batch.action))
        self.critic_adam.zero_grad()
        torch.nn.functional.mse_loss(q, y).backward()
        self.critic_adam.step()
        self.actor_adam.zero_grad()
        (-values([self.critic], batch.obs, self.actor(batch.obs).tanh())[0].mean()).backward()
        self.actor_adam.step()
        polyak(self.critic_target, self.critic, self.tau)
        polyak(self.actor_target, self.actor, self.tau)


@pytest.mark.parametrize("settings", [{}, {"tau": 0.3, "learning_rate": 1e-2}, {"hidden": ()}])
def test_ten_updates_are_those_of_the_paper(settings) -> None:
    agent = agent_of(**settings)
    plain = Plain(agent)
    for i in range(10):
        batch = random_batch(8, seed=i)
        agent.update(batch)
        plain.update(batch)
    as_one = lambda critics: plain_critics(critics)[0]  # noqa: E731
    assert_same_weights(agent.actor, plain.actor, plain_actor)
    assert_same_weights(agent.actor_target, plain.actor_target, plain_actor)
    assert_same_weights(agent.critics, plain.critic, as_one)
    assert_same_weights(agent.critics_target, plain.critic_target, as_one)


def test_it_is_td3_without_what_td3_added() -> None:
    differences = {
        field.name: getattr(DDPGConfig(), field.name)
        for field in dataclasses.fields(TD3Config)
        if getattr(DDPGConfig(), field.name) != getattr(TD3Config(), field.name)
    }
    assert differences == {"critics": 1, "target_noise": 0.0, "policy_delay": 1}
    ours = agent_of()
    theirs = TD3(FEATURES, ODD, TD3Config(**SMALL, **differences))
    for i in range(3):
        batch = random_batch(seed=i)
        assert ours.update(batch).loss.item() == theirs.update(batch).loss.item()
    pairs = zip(ours.actor.parameters(), theirs.actor.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_it_has_its_own_settings_unless_they_are_given() -> None:
    assert DDPG(FEATURES, ODD).config == DDPGConfig()
    with pytest.raises(ValueError, match=r"^critics: expected .*got 0"):
        DDPGConfig(critics=0)
