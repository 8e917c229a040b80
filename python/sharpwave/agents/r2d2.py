"""Recurrent replay distributed DQN, for environments that an observation does not tell all about.

Kapturowski et al. 2019, "Recurrent experience replay in distributed reinforcement learning"
(https://openreview.net/forum?id=r1lyTjAqYX). One process acts and learns here. The network sees
observations alone: where the last action or reward tells something, make it a part of them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor, nn

from sharpwave import Field, Prioritized, ReplayBuffer
from sharpwave.agents import masks
from sharpwave.agents.agent import Agent, Space, Update, compiled, named, seeded
from sharpwave.agents.encoders import encoder, tensor_of
from sharpwave.agents.exploration import epsilon
from sharpwave.agents.flat import FlatParameters, adam, adam_step, clip
from sharpwave.agents.r2d2_config import R2D2Config
from sharpwave.agents.recurrent import Memory, RecurrentQNetwork, begins_episode
from sharpwave.agents.sequence_targets import (
    n_step_targets,
    rescaled,
    unrescaled,
    with_successor,
)


class R2D2(Agent):
    """An R2D2 agent for one or many environments with discrete actions.

    It remembers the episodes it acts in: `begin` says where they begin in the environments that
    `explore` sees, and `reset` where `act` meets a new one. The two share nothing.

    Parameters
    ----------
    observation_space, action_space
        As for `DQN`.
    config
        The hyperparameters.
    seed
        Of the initial weights and of exploration; torch's own generator is left as it was.

    Attributes
    ----------
    online, target
        The two networks. They share no memory.
    exploring, acting
        What is remembered of the episodes of `explore`, and of those of `act`.

    Examples
    --------
    >>> import numpy as np
    >>> from gymnasium.spaces import Box, Discrete
    >>> from sharpwave.agents.r2d2 import R2D2
    >>> agent = R2D2(Box(-1, 1, (4,), np.float32), Discrete(2))
    >>> agent.reset()
    >>> agent.act(np.zeros(4, np.float32)) in (0, 1)
    True
    """

    config: R2D2Config

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        config: R2D2Config | None = None,
        *,
        seed: int = 0,
    ) -> None:
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"action_space: R2D2 needs Discrete actions, got {action_space}")
        super().__init__(observation_space, action_space, config or R2D2Config())
        config = self.config
        self._n, self._first = int(action_space.n), int(action_space.start)
        seen = masks.features_of(observation_space, self._n)
        self._shape = seen.shape or ()
        init_seed, explore_seed = np.random.SeedSequence(seed).spawn(2)
        with seeded(init_seed):
            self.online = RecurrentQNetwork(
                *(encoder(seen, config.convolutions), self._n, config.hidden, config.memory),
                dueling=config.dueling,
            ).to(config.device)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self._online, self._target = FlatParameters(self.online), FlatParameters(self.target)
        self.optimizer = adam(self._online, config.learning_rate, config.adam_eps)
        self.rng = np.random.default_rng(explore_seed)
        self.exploring, self.acting = Memory(2 * config.memory), Memory(2 * config.memory)
        self._losses = compiled(self.losses, config.compile)

    @property
    def policy(self) -> nn.Module:
        """The online network."""
        return self.online

    def parts(self) -> Mapping[str, Any]:
        """Both networks, the optimizer, the generator, and what is remembered."""
        return named(self, "online", "target", "optimizer", "rng", "exploring", "acting")

    def buffer_options(self) -> dict[str, Any]:
        """Return what the buffer needs: states beside transitions, and windows of one step.

        Those of ``n_step`` are made along a sequence, whose steps have all that they need.
        """
        config = self.config
        options: dict[str, Any] = {"n_step": 1, "gamma": config.gamma}
        options["extra_fields"] = {"state": Field((2 * config.memory,))}
        if config.prioritized:
            alpha, beta, eta = config.priority_alpha, config.priority_beta, config.priority_eta
            options["sampler"] = Prioritized(alpha=alpha, beta=beta, eta=eta)
        return options

    def begin(self, which: Any) -> None:
        """Forget the episodes of `explore`: all (None), or where a mask (N,) says so."""
        self.exploring.forget(which)

    def reset(self) -> None:
        """Forget the episodes of `act`."""
        self.acting.forget()

    def exploration(self, step: int, steps: int) -> Mapping[str, float]:
        """Return epsilon, the chance of a random action."""
        return {"epsilon": epsilon(self.config, step, steps)}

    def explore(self, obs: Any, step: int, steps: int) -> Any:
        """Choose a random action with probability epsilon, else the most valuable one."""
        best = self._best(obs, self.exploring)
        mask, lead = masks.split(obs)[1], np.shape(best)
        explored = self.rng.random(lead) < epsilon(self.config, step, steps)
        action = np.where(explored, masks.any_of(mask, self.rng, lead, self._n), best)
        return action + self._first if lead else int(action) + self._first

    def extras(self) -> Mapping[str, Any]:
        """Return the recurrent state that the last `explore` acted from."""
        return {"state": self.exploring.before}

    def act(self, obs: Any) -> Any:
        """Return the most valuable action for the episodes since `reset`: an int, or int64 (N,)."""
        best = self._best(obs, self.acting)
        return best + self._first if np.ndim(best) else int(best) + self._first

    def sample(self, buffer: ReplayBuffer) -> Any:
        """Draw sequences to learn from, as tensors on the agent's device."""
        config = self.config
        batch = buffer.sample_sequences(
            config.batch_size, config.length, burn_in=config.burn_in, period=config.period
        )
        return batch.torch(None if config.device == "cpu" else config.device)

    def update(self, batch: Any) -> Update:
        """Take one gradient step on sequences; the TD errors are those behind the burn-in."""
        loss, td_error = self._losses(batch)
        self._online.backward(loss)
        if self.config.max_grad_norm is not None:
            clip(self._online.gradient, self.config.max_grad_norm)
        adam_step(self.optimizer)
        return Update(loss.detach(), td_error)

    def losses(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, a scalar, and the size of each TD error, (B, length)."""
        burn_in, state = self.config.burn_in, batch.state[:, 0]
        obs, allowed = masks.split(with_successor(batch.obs, batch.next_obs, batch.mask))
        q = self.online(obs, state, burn_in)
        with torch.no_grad():
            y = self.targets(batch, self.target(obs, state), q, allowed)
        action = (batch.action.long() - self._first) * batch.mask
        error = (y - q[:, :-1].gather(2, action.unsqueeze(2)).squeeze(2)) * batch.mask
        learned = batch.mask.clone()
        # A sequence that begins its episode has nothing to bring up to date.
        learned[:, :burn_in] &= begins_episode(state).unsqueeze(1)
        weight = getattr(batch, "weight", None)
        losses = 0.5 * error.square() * (learned if weight is None else learned * weight[:, None])
        loss = losses.sum() / learned.sum()
        return loss, error.detach()[:, burn_in:].abs()

    def targets(self, batch: Any, next_q: Tensor, chooser: Tensor, allowed: Any) -> Tensor:
        """Return what the network shall say of the actions taken, (B, T)."""
        rescale = self.config.rescale
        values = masks.allow(chooser if self.config.double else next_q, allowed)[:, 1:]
        value = next_q[:, 1:].gather(2, values.argmax(2, keepdim=True)).squeeze(2)
        value = unrescaled(value) if rescale else value
        ended = batch.terminated | batch.truncated
        goes_on = nn.functional.pad(batch.mask[:, 1:] & ~ended[:, :-1], (0, 1))
        y = n_step_targets(batch.reward, batch.discount, value, goes_on, self.config.n_step)
        return rescaled(y) if rescale else y

    def update_target(self, times: int = 1) -> None:
        """Copy the online network into the target network."""
        self._target.follow(self._online, 1.0)

    @torch.inference_mode()
    def _best(self, obs: Any, memory: Memory) -> npt.NDArray[np.int64]:
        obs, mask = masks.split(obs)
        obs = np.asarray(obs)
        lead = obs.shape[: obs.ndim - len(self._shape)]
        state = memory.recall(lead)
        values, after = self.online.step(
            tensor_of(obs.reshape(-1, *self._shape), self.config.device),
            tensor_of(state.reshape(-1, memory.size), self.config.device),
        )
        memory.keep(after.cpu().numpy().reshape(state.shape))
        best: npt.NDArray[np.int64] = masks.best(values.cpu().numpy().reshape(*lead, -1), mask)
        return best
