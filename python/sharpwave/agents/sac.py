"""Soft actor-critic.

Haarnoja et al. 2018, "Soft actor-critic algorithms and applications" (arXiv 1812.05905), Algorithm 1;
with an ensemble of critics, of which each target takes a few, it is Chen et al. 2021, "Randomized
ensembled double Q-learning" (REDQ, arXiv 2101.05982), Algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sharpwave.agents import checks
from sharpwave.agents.actor_critic import ActorCritic, ActorCriticConfig, squared
from sharpwave.agents.agent import Space, Update, named
from sharpwave.agents.config import Check, count, optional, positive
from sharpwave.agents.flat import FlatParameters, adam, adam_step
from sharpwave.agents.native_actor_critic import NativeSAC, takes_native

LOG_STD = (-20.0, 2.0)


@dataclass(frozen=True)
class SACConfig(ActorCriticConfig):
    """Settings of SAC; actions are taken to lie in [-1, 1], whatever the environment's bounds."""

    critics: int = 2
    """critics, of which the least value is the target"""
    target_critics: int | None = None
    """how many of them, drawn anew for each step, a target takes (REDQ's M); None takes all"""
    policy_delay: int = 1
    """gradient steps of the critics for each of the actor"""
    temperature: float = 1.0
    """weight of the entropy against the reward, at first"""
    learn_temperature: bool = True
    """adjust it so that the entropy is target_entropy"""
    target_entropy: float | None = None
    """None takes minus the number of dimensions of an action"""

    checks: ClassVar[Mapping[str, Check]] = {
        **ActorCriticConfig.checks,
        "critics": count,
        "target_critics": optional(count),
        "policy_delay": count,
        "temperature": positive,
        "learn_temperature": checks.flag,
        "target_entropy": optional(checks.number),
    }


class SAC(ActorCritic):
    """A SAC agent for one or many environments with continuous actions.

    Parameters
    ----------
    observation_space, action_space
        Of a single environment. Actions are a Box with finite bounds.
    config
        The hyperparameters.
    seed
        Of the initial weights, of exploration and of noise; torch's own generator is left as it was.

    Attributes
    ----------
    actor, critics, critics_target
        The networks.
    log_temperature
        A module of one parameter.

    Examples
    --------
    >>> import numpy as np
    >>> import sharpwave as sw
    >>> from gymnasium.spaces import Box
    >>> agent = sw.agents.SAC(Box(-1, 1, (3,), np.float32), Box(-2, 2, (1,), np.float32))
    >>> agent.act(np.zeros(3, np.float32)).shape
    (1,)
    """

    config: SACConfig

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        config: SACConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        config = config or SACConfig()
        super().__init__(observation_space, action_space, config, outputs=2, seed=seed)
        self.log_temperature = nn.ParameterList([torch.tensor([math.log(config.temperature)])])
        self.log_temperature.to(config.device)
        self._temperature = FlatParameters(self.log_temperature)
        self.temperature_optimizer = adam(self._temperature, self._actor_rate)
        entropy = config.target_entropy
        self._target_entropy = -self.scale.size if entropy is None else entropy
        losses = ("critics_loss", "actor_loss", "draw")
        self._native = NativeSAC(self, LOG_STD) if takes_native(self, SAC, losses) else None

    def parts(self) -> Mapping[str, Any]:
        """Networks, temperature, their optimizers, generators and the count of updates."""
        networks = ("actor", "critics", "critics_target", "log_temperature")
        optimizers = ("critics_optimizer", "actor_optimizer", "temperature_optimizer")
        return named(self, *networks, *optimizers, "rng", "generator", "updates")

    def act(self, obs: Any) -> Any:
        """Return the action, or actions, of the policy's mean."""
        mean = self._acting(obs)[..., : self.scale.size]
        return self.scale.to_env(np.tanh(mean))

    def explore(self, obs: Any, step: int, _steps: int) -> Any:
        """Return a random action before learning starts, then one drawn from the policy."""
        if step < self.config.learning_starts:
            return self.scale.random(self.rng, self._acting.lead(obs))
        mean, log_std = np.split(self._acting(obs), 2, axis=-1)
        noise = self.rng.standard_normal(mean.shape, np.float32)
        return self.scale.to_env(np.tanh(mean + np.exp(np.clip(log_std, *LOG_STD)) * noise))

    def update(self, batch: Any) -> Update:
        """Take one gradient step of the critics, the actor and the temperature."""
        config, steps = self.config, self._native or self
        temperature = self._temperature.values.detach().exp()
        action = self.scale.to_unit(batch.action)
        noise, members = self.noise(action), self._members()
        loss, td_error = steps.step_critics(batch, action, temperature, noise, members)
        logs = {"temperature": temperature.squeeze(0)}
        if self.updates.next() % config.policy_delay == 0:
            actor_loss, log_pi = steps.step_actor(batch.obs, temperature, self.noise(action))
            log_pi = log_pi.mean()
            if config.learn_temperature:
                self._step_temperature(log_pi)
            logs |= {"actor_loss": actor_loss, "entropy": -log_pi}
        self._critics_target.follow(self._critics, config.tau)
        return Update(loss, td_error, logs)

    def step_critics(
        self, batch: Any, action: Tensor, temperature: Tensor, noise: Tensor, members: Any
    ) -> tuple[Tensor, Tensor]:
        """Step the critics down their loss; return it, and the size of each TD error."""
        loss, td_error = self._critics_loss(batch, action, temperature, noise, members)
        self._critics.backward(loss)
        adam_step(self.critics_optimizer)
        return loss.detach(), td_error

    def step_actor(self, obs: Tensor, temperature: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Step the actor down its loss; return it, and log π of its actions."""
        loss, log_pi = self._actor_loss(obs, temperature, noise)
        self._actor.backward(loss)
        adam_step(self.actor_optimizer)
        return loss.detach(), log_pi.detach()

    def critics_loss(
        self, batch: Any, action: Tensor, temperature: Tensor, noise: Tensor, members: Any
    ) -> tuple[Tensor, Tensor]:
        """Return the critics' loss (equation 5), a scalar, and the size of each TD error, (B,)."""
        with torch.no_grad():
            next_action, log_pi = self.draw(batch.next_obs, noise)
            next_q = self.critics_target(batch.next_obs, next_action, members).amin(0)
            y = batch.reward + batch.discount * (next_q - temperature * log_pi)
        return squared(self.critics(batch.obs, action), y, batch)

    def actor_loss(self, obs: Tensor, temperature: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the actor's loss (equation 7), a scalar, and log π of its actions, (B,)."""
        action, log_pi = self.draw(obs, noise)
        q = self.critics(obs, action)
        # REDQ's actor climbs the mean of its ensemble, SAC's the least of its two.
        value = q.amin(0) if self.config.target_critics is None else q.mean(0)
        return (temperature * log_pi - value).mean(), log_pi

    def draw(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions drawn from the policy, (B, size), and the log of their density, (B,)."""
        mean, log_std = self.actor(obs).chunk(2, 1)
        log_std = log_std.clamp(*LOG_STD)
        u = mean + log_std.exp() * noise
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh²u) (equation 26), written so that it does not vanish where tanh is 1.
        squash = 2 * (math.log(2) - u - nn.functional.softplus(-2 * u))
        return u.tanh(), (gaussian - squash).sum(1)

    def _step_temperature(self, log_pi: Tensor) -> None:
        # The gradient of -log α (log π + target entropy), whose only parameter is log α.
        self._temperature.gradient.copy_(-(log_pi + self._target_entropy))
        adam_step(self.temperature_optimizer)

    def _members(self) -> Any:
        number, all_of_them = self.config.target_critics, self.config.critics
        if number is None or number >= all_of_them:
            return slice(None)
        generator = self.generator
        members = torch.randperm(all_of_them, generator=generator, device=generator.device)
        return members[:number]
