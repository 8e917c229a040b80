"""Twin delayed deep deterministic policy gradient.

Fujimoto, van Hoof & Meger 2018, "Addressing function approximation error in actor-critic methods"
(arXiv 1802.09477), Algorithm 1; offline with a term of behaviour cloning, as in Fujimoto & Gu 2021,
"A minimalist approach to offline reinforcement learning" (arXiv 2106.06860).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sharpwave.agents.actor_critic import ActorCritic, ActorCriticConfig, squared
from sharpwave.agents.agent import Space, Update, named
from sharpwave.agents.config import Check, count, not_negative, optional, positive
from sharpwave.agents.flat import FlatParameters, adam_step
from sharpwave.agents.native_actor_critic import NativeTD3, takes_native


@dataclass(frozen=True)
class TD3Config(ActorCriticConfig):
    """Settings of TD3; actions are taken to lie in [-1, 1], whatever the environment's bounds."""

    critics: int = 2
    """critics, of which the least value is the target"""
    exploration_noise: float = 0.1
    """standard deviation of what is added to actions in training"""
    target_noise: float = 0.2
    """standard deviation of what is added to the target's next actions"""
    target_noise_clip: float = 0.5
    """the most that is added to them"""
    policy_delay: int = 2
    """gradient steps of the critics for each of the actor and of the targets"""
    bc_alpha: float | None = None
    """TD3+BC's weight of the value against behaviour cloning, 2.5 there; None clones nothing"""

    checks: ClassVar[Mapping[str, Check]] = {
        **ActorCriticConfig.checks,
        "critics": count,
        "exploration_noise": not_negative,
        "target_noise": not_negative,
        "target_noise_clip": not_negative,
        "policy_delay": count,
        "bc_alpha": optional(positive),
    }


class TD3(ActorCritic):
    """A TD3 agent for one or many environments with continuous actions.

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
    actor, critics, actor_target, critics_target
        The networks.

    Examples
    --------
    >>> import numpy as np
    >>> import sharpwave as sw
    >>> from gymnasium.spaces import Box
    >>> agent = sw.agents.TD3(Box(-1, 1, (3,), np.float32), Box(-2, 2, (1,), np.float32))
    >>> agent.act(np.zeros((5, 3), np.float32)).shape
    (5, 1)
    """

    config: TD3Config

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        config: TD3Config | None = None,
        *,
        seed: int = 0,
    ) -> None:
        config = config or TD3Config()
        super().__init__(observation_space, action_space, config, outputs=1, seed=seed)
        self.actor_target = copy.deepcopy(self.actor).requires_grad_(False)
        self._actor_target = FlatParameters(self.actor_target)
        is_native = takes_native(self, TD3, ("critics_loss", "actor_loss"), bc_alpha=None)
        self._native = NativeTD3(self, self._actor_target) if is_native else None

    def parts(self) -> Mapping[str, Any]:
        """The four networks, two optimizers, generators and the count of updates."""
        networks = ("actor", "critics", "actor_target", "critics_target")
        others = ("critics_optimizer", "actor_optimizer", "rng", "generator", "updates")
        return named(self, *networks, *others)

    def act(self, obs: Any) -> Any:
        """Return the actor's action, or actions."""
        return self.scale.to_env(np.tanh(self._acting(obs)))

    def explore(self, obs: Any, step: int, _steps: int) -> Any:
        """Return a random action before learning starts, then the actor's with noise."""
        if step < self.config.learning_starts:
            return self.scale.random(self.rng, self._acting.lead(obs))
        action = np.tanh(self._acting(obs))
        noise = self.rng.normal(0, self.config.exploration_noise, action.shape)
        return self.scale.to_env(np.clip(action + noise, -1, 1))

    def update(self, batch: Any) -> Update:
        """Take one gradient step of the critics and, every ``policy_delay`` of them, the actor's."""
        config, steps = self.config, self._native or self
        action = self.scale.to_unit(batch.action)
        loss, td_error = steps.step_critics(batch, action, self.noise(action))
        logs = {}
        if self.updates.next() % config.policy_delay == 0:
            logs["actor_loss"] = steps.step_actor(batch.obs, action)
            self._critics_target.follow(self._critics, config.tau)
            self._actor_target.follow(self._actor, config.tau)
        return Update(loss, td_error, logs)

    def step_critics(self, batch: Any, action: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Step the critics down their loss; return it, and the size of each TD error."""
        loss, td_error = self._critics_loss(batch, action, noise)
        self._critics.backward(loss)
        adam_step(self.critics_optimizer)
        return loss.detach(), td_error

    def step_actor(self, obs: Tensor, action: Tensor) -> Tensor:
        """Step the actor down its loss, and return it; ``action`` is what was done."""
        loss: Tensor = self._actor_loss(obs, action)
        self._actor.backward(loss)
        adam_step(self.actor_optimizer)
        return loss.detach()

    def critics_loss(self, batch: Any, action: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the critics' loss, a scalar, and the size of each TD error, (B,)."""
        config = self.config
        with torch.no_grad():
            clip = config.target_noise_clip
            noise = (noise * config.target_noise).clamp(-clip, clip)
            next_action = (self.actor_target(batch.next_obs).tanh() + noise).clamp(-1, 1)
            next_q = self.critics_target(batch.next_obs, next_action).amin(0)
            y = batch.reward + batch.discount * next_q
        return squared(self.critics(batch.obs, action), y, batch)

    def actor_loss(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return minus the first critic's value of the actor's actions; with TD3+BC, eq. 5 there."""
        own: Tensor = self.actor(obs).tanh()
        q: Tensor = self.critics(obs, own, slice(0, 1))
        if self.config.bc_alpha is None:
            return -q.mean()
        scale = self.config.bc_alpha / q.detach().abs().mean()
        return (own - action).square().mean() - scale * q.mean()
