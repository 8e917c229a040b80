"""Stable-Baselines3's agents with prioritized replay: each loss weighted, each error fed back.

Each ``train`` is SB3's own but for the lines that are about weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch as th
from stable_baselines3 import DQN, SAC, TD3
from stable_baselines3.common.utils import polyak_update
from torch.nn import functional as F

from sharpwave.compat.sb3.prioritized import PrioritizedReplayBuffer, PrioritizedReplayBufferSamples


def prioritized(options: dict[str, Any]) -> dict[str, Any]:
    """Options of an SB3 agent, with the prioritized buffer where none is named.

    ``n_steps`` goes to the buffer: SB3 passes it to its own class only.
    """
    options.setdefault("replay_buffer_class", PrioritizedReplayBuffer)
    n_steps = options.pop("n_steps", 1)
    if n_steps > 1:
        windows = {"n_steps": n_steps, "gamma": options.get("gamma", 0.99)}
        options["replay_buffer_kwargs"] = windows | (options.get("replay_buffer_kwargs") or {})
    return options


def draw(agent: Any, batch_size: int) -> tuple[PrioritizedReplayBufferSamples, Any]:
    """A batch at the beta of now, and its discounts."""
    buffer = agent.replay_buffer
    buffer.anneal(agent._current_progress_remaining)
    data = buffer.sample(batch_size, env=agent._vec_normalize_env)
    return data, agent.gamma if data.discounts is None else data.discounts


class PrioritizedDQN(DQN):
    """SB3's DQN with prioritized replay; ``replay_buffer_kwargs=dict(alpha=0.6, beta=0.4)``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **prioritized(options))

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Update the network ``gradient_steps`` times; see ``DQN.train``."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            data, discounts = draw(self, batch_size)
            with th.no_grad():
                next_q = self.q_net_target(data.next_observations).max(dim=1).values.reshape(-1, 1)
                target_q = data.rewards + (1 - data.dones) * discounts * next_q
            current_q = self.q_net(data.observations).gather(dim=1, index=data.actions.long())
            loss = (data.weights * F.smooth_l1_loss(current_q, target_q, reduction="none")).mean()
            losses.append(loss.item())
            self.policy.optimizer.zero_grad()
            loss.backward()
            th.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            self.replay_buffer.update_priorities(data.indices, target_q - current_q)
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))


def weighted_critic_loss(
    critics: tuple[th.Tensor, ...], target_q: th.Tensor, data: PrioritizedReplayBufferSamples
) -> tuple[th.Tensor, th.Tensor]:
    """The sum of the critics' weighted squared errors, and their mean absolute error a row."""
    errors = th.stack([target_q - q for q in critics])
    loss = (data.weights * errors**2).mean(dim=(1, 2)).sum()
    return loss, errors.detach().abs().mean(dim=0)


class PrioritizedTD3(TD3):
    """SB3's TD3 with prioritized replay; a row's error is the mean of its critics'."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **prioritized(options))

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Update the critics ``gradient_steps`` times; see ``TD3.train``."""
        self.policy.set_training_mode(True)
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer])
        actor_losses, critic_losses = [], []
        for _ in range(gradient_steps):
            self._n_updates += 1
            data, discounts = draw(self, batch_size)
            with th.no_grad():
                noise = data.actions.clone().normal_(0, self.target_policy_noise)
                noise = noise.clamp(-self.target_noise_clip, self.target_noise_clip)
                next_actions = (self.actor_target(data.next_observations) + noise).clamp(-1, 1)
                next_q = th.cat(self.critic_target(data.next_observations, next_actions), dim=1)
                next_q = next_q.min(dim=1, keepdim=True).values
                target_q = data.rewards + (1 - data.dones) * discounts * next_q
            current_q = self.critic(data.observations, data.actions)
            critic_loss, error = weighted_critic_loss(current_q, target_q, data)
            critic_losses.append(critic_loss.item())
            self.critic.optimizer.zero_grad()
            critic_loss.backward()
            self.critic.optimizer.step()
            self.replay_buffer.update_priorities(data.indices, error)
            if self._n_updates % self.policy_delay == 0:
                actor_losses.append(self._update_actor(data.observations))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        if actor_losses:
            self.logger.record("train/actor_loss", np.mean(actor_losses))
        self.logger.record("train/critic_loss", np.mean(critic_losses))

    def _update_actor(self, obs: th.Tensor) -> float:
        loss = -self.critic.q1_forward(obs, self.actor(obs)).mean()
        self.actor.optimizer.zero_grad()
        loss.backward()
        self.actor.optimizer.step()
        polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
        polyak_update(self.actor.parameters(), self.actor_target.parameters(), self.tau)
        polyak_update(self.critic_batch_norm_stats, self.critic_batch_norm_stats_target, 1.0)
        polyak_update(self.actor_batch_norm_stats, self.actor_batch_norm_stats_target, 1.0)
        return loss.item()


class PrioritizedSAC(SAC):
    """SB3's SAC with prioritized replay; a row's error is the mean of its critics'."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **prioritized(options))

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Update critics, actor and temperature ``gradient_steps`` times; see ``SAC.train``."""
        self.policy.set_training_mode(True)
        temperature = [] if self.ent_coef_optimizer is None else [self.ent_coef_optimizer]
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer, *temperature])
        logged: dict[str, list[float]] = {}
        for step in range(gradient_steps):
            data, discounts = draw(self, batch_size)
            if self.use_sde:
                self.actor.reset_noise()
            actions_pi, log_prob = self.actor.action_log_prob(data.observations)
            log_prob = log_prob.reshape(-1, 1)
            ent_coef = self._update_temperature(log_prob, logged)
            with th.no_grad():
                next_actions, next_log_prob = self.actor.action_log_prob(data.next_observations)
                next_q = th.cat(self.critic_target(data.next_observations, next_actions), dim=1)
                next_q = next_q.min(dim=1, keepdim=True).values
                next_q = next_q - ent_coef * next_log_prob.reshape(-1, 1)
                target_q = data.rewards + (1 - data.dones) * discounts * next_q
            current_q = self.critic(data.observations, data.actions)
            critic_loss, error = weighted_critic_loss(current_q, target_q, data)
            _descend(self.critic.optimizer, 0.5 * critic_loss, "critic_loss", logged)
            self.replay_buffer.update_priorities(data.indices, error)
            q_pi = th.cat(self.critic(data.observations, actions_pi), dim=1)
            actor_loss = (ent_coef * log_prob - q_pi.min(dim=1, keepdim=True).values).mean()
            _descend(self.actor.optimizer, actor_loss, "actor_loss", logged)
            if step % self.target_update_interval == 0:
                polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
                polyak_update(self.batch_norm_stats, self.batch_norm_stats_target, 1.0)
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, values in logged.items():
            self.logger.record(f"train/{name}", np.mean(values))

    def _update_temperature(self, log_prob: th.Tensor, logged: dict[str, list[float]]) -> th.Tensor:
        if self.ent_coef_optimizer is None or self.log_ent_coef is None:
            ent_coef = self.ent_coef_tensor
        else:
            ent_coef = th.exp(self.log_ent_coef.detach())
            loss = -(self.log_ent_coef * (log_prob + self.target_entropy).detach()).mean()
            _descend(self.ent_coef_optimizer, loss, "ent_coef_loss", logged)
        logged.setdefault("ent_coef", []).append(ent_coef.item())
        return ent_coef


def _descend(
    optimizer: th.optim.Optimizer, loss: th.Tensor, name: str, logged: dict[str, list[float]]
) -> None:
    logged.setdefault(name, []).append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
