"""Deep Q-learning, and what was built on it.

Mnih et al. 2015, "Human-level control through deep reinforcement learning"
(https://doi.org/10.1038/nature14236). Each option is a paper's: see `DQNConfig`; all go together.
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

from sharpwave.agents import masks, munchausen
from sharpwave.agents.agent import Agent, Space, Update, compiled, generators, named, seeded
from sharpwave.agents.dqn_config import DQNConfig
from sharpwave.agents.exploration import epsilon
from sharpwave.agents.flat import FlatParameters, adam, adam_step, clip
from sharpwave.agents.iqn import ImplicitQuantiles
from sharpwave.agents.native import Vectors, native_step
from sharpwave.agents.networks import QNetwork, q_network
from sharpwave.agents.noisy import FlatNoise
from sharpwave.agents.q_values import Distribution, QValues, distribution_of


class DQN(Agent):
    """A deep Q-learning agent for one or many environments with discrete actions.

    Parameters
    ----------
    observation_space, action_space
        Of a single environment. Observations are a Box or Discrete, or a Dict of such an
        "observation" and its "action_mask"; actions are Discrete.
    config
        The hyperparameters.
    seed
        Of the initial weights, of exploration and of noise; torch's own generator is left as it was.

    Attributes
    ----------
    online, target
        The two networks. They share no memory.
    optimizer
        Adam over all parameters of the online network, as one vector.
    distribution
        What the numbers mean that the networks give for an action.

    Examples
    --------
    >>> import numpy as np
    >>> import sharpwave as sw
    >>> from gymnasium.spaces import Box, Discrete
    >>> agent = sw.agents.DQN(Box(-1, 1, (4,), np.float32), Discrete(2), seed=0)
    >>> agent.act(np.zeros(4, np.float32)) in (0, 1)
    True
    >>> agent.act(np.zeros((3, 4), np.float32), epsilon=0.1).shape
    (3,)
    """

    config: DQNConfig

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        config: DQNConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"action_space: DQN needs Discrete actions, got {action_space}")
        super().__init__(observation_space, action_space, config or DQNConfig())
        self._n, self._first = int(action_space.n), int(action_space.start)
        self.distribution = distribution_of(self.config)
        init_seed, explore_seed, noise_seed = np.random.SeedSequence(seed).spawn(3)
        with seeded(init_seed):
            self.online = _network(observation_space, self._n, self.config, self.distribution)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.rng, self.generator = generators(explore_seed, noise_seed, self.config.device)
        self._online, self._target = FlatParameters(self.online), FlatParameters(self.target)
        self._noises = [FlatNoise(x) for x in (self.online, self.target) if self.config.noisy]
        self.optimizer = adam(self._online, self.config.learning_rate, self.config.adam_eps)
        self._obs_ndim = len(masks.features_of(observation_space, self._n).shape or ())
        self._values = QValues(self.online, self.distribution, self.config.device)
        self._losses = compiled(self.losses, self.config.compile)
        vectors = Vectors(self._online, self._target, self._noises, self.optimizer)
        given = (self.config, observation_space, action_space)
        # Whoever inherits may have a loss of their own.
        self._native = native_step(*given, vectors) if type(self) is DQN else None

    @property
    def policy(self) -> nn.Module:
        """The online network."""
        return self.online

    def parts(self) -> Mapping[str, Any]:
        """Both networks, the optimizer and the generators."""
        return named(self, "online", "target", "optimizer", "rng", "generator")

    def epsilon(self, step: int, steps: int) -> float:
        """Return the chance of a random action at ``step`` of a run of ``steps``."""
        if self.config.noisy:
            return float(step < self.config.learning_starts)
        return epsilon(self.config, step, steps)

    def exploration(self, step: int, steps: int) -> Mapping[str, float]:
        """Return epsilon."""
        return {"epsilon": self.epsilon(step, steps)}

    def explore(self, obs: Any, step: int, steps: int) -> Any:
        """Choose an action to learn from: by epsilon and, with noisy layers, under their noise."""
        return self.act(obs, self.epsilon(step, steps), noisy=self.config.noisy)

    def act(self, obs: Any, epsilon: float = 0.0, *, noisy: bool = False) -> Any:
        """Choose an action: a random one with probability ``epsilon``, else the most valuable one.

        Parameters
        ----------
        obs
            One observation, or a batch of them with a leading axis.
        epsilon
            Drawn against for every observation of a batch on its own; 0 draws nothing.
        noisy
            Whether noisy layers act with their noise, or with their means.

        Returns
        -------
        int or ndarray
            The action, or an int64 array of actions.
        """
        obs, mask = masks.split(obs)
        obs = np.asarray(obs)
        if obs.ndim > self._obs_ndim:
            return self._act_batch(obs, mask, epsilon, noisy)
        if epsilon and self.rng.random() < epsilon:
            return int(masks.any_of(mask, self.rng, (), self._n)) + self._first
        return int(masks.best(self._values.one(obs, noisy), mask)) + self._first

    def update(self, batch: Any) -> Update:
        """Take one gradient step on a batch of tensors, as ``buffer.sample(n).torch()`` has it."""
        for noise in self._noises:
            noise.resample(self.generator)
        if self._native is not None:
            return self._native(batch)
        loss, td_error = self._losses(batch, *self._fractions(len(batch.reward)))
        self._online.backward(loss)
        if self.config.max_grad_norm is not None:
            clip(self._online.gradient, self.config.max_grad_norm)
        adam_step(self.optimizer)
        return Update(loss.detach(), td_error)

    def losses(self, batch: Any, *fractions: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, a scalar, and the size of each TD error, (B,)."""
        tau = fractions[0]
        action = batch.action.long() - self._first
        with torch.no_grad():
            y = self.targets(batch, action, *fractions[1:])
        obs, mask = masks.split(batch.obs)
        output = self.online(obs, tau)
        prediction = self.distribution.of(output, action)
        losses = self.distribution.loss(prediction, y, *([] if tau is None else [tau]))
        td_error = self.distribution.td_error(prediction.detach(), y, losses.detach())
        weight = getattr(batch, "weight", None)
        loss = (losses if weight is None else weight * losses).mean()
        if self.config.cql_alpha:
            values = masks.allow(self.distribution.values(output), mask)
            taken = values.gather(1, action.unsqueeze(1)).squeeze(1)
            # Kumar et al. 2020, "Conservative Q-learning" (arXiv 2006.04779), equation 4.
            loss = loss + self.config.cql_alpha * (values.logsumexp(1) - taken).mean()
        return loss, td_error

    def targets(
        self, batch: Any, action: Tensor, tau_next: Tensor | None, tau_policy: Tensor | None
    ) -> Tensor:
        """Return what the network shall say of the actions taken, (B,) or (B, K)."""
        config, distribution = self.config, self.distribution
        next_obs, mask = masks.split(batch.next_obs)
        output = self.target(next_obs, tau_next)
        if config.munchausen:
            return self._munchausen(batch, action, output, mask, tau_policy)
        if config.double or tau_policy is not None:
            chooser = (self.online if config.double else self.target)(next_obs, tau_policy)
        else:
            chooser = output
        values = masks.allow(distribution.values(chooser), mask)
        return distribution.greedy(batch.reward, batch.discount, values, output)

    def _munchausen(
        self, batch: Any, action: Tensor, output: Tensor, mask: Any, tau: Tensor | None
    ) -> Tensor:
        config, distribution = self.config, self.distribution
        temperature = config.munchausen_temperature
        obs, mask_now = masks.split(batch.obs)
        now = masks.allow(distribution.values(self.target(obs, tau)), mask_now)
        # As M-IQN has it, the policy is of fractions of its own.
        chooser = output if tau is None else self.target(masks.split(batch.next_obs)[0], tau)
        values = masks.allow(distribution.values(chooser), mask)
        reward = batch.reward + batch.discount * munchausen.entropy(values, temperature)
        reward = reward + munchausen.bonus(
            now, action, config.munchausen_alpha, temperature, config.munchausen_clip
        )
        mixed = distribution.mix(output, munchausen.policy(values, temperature))
        return distribution.target(reward, batch.discount, mixed)

    def update_target(self, times: int = 1) -> None:
        """Move the target network to the online one by the share ``tau``, ``times`` times over."""
        self._target.follow(self._online, 1.0 - (1.0 - self.config.tau) ** times)

    def _fractions(self, size: int) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        if isinstance(self.distribution, ImplicitQuantiles):
            return self.distribution.fractions(size, self.generator)
        return None, None, None

    def _act_batch(
        self, obs: npt.NDArray[Any], mask: Any, epsilon: float, noisy: bool
    ) -> npt.NDArray[np.int64]:
        explore = self.rng.random(len(obs)) < epsilon if epsilon else np.zeros(len(obs), bool)
        actions = masks.any_of(mask, self.rng, (len(obs),), self._n)
        if not explore.all():
            actions = np.where(explore, actions, masks.best(self._values.batch(obs, noisy), mask))
        return actions + self._first  # type: ignore[no-any-return]


def _network(
    space: Space, n_actions: int, config: DQNConfig, distribution: Distribution
) -> QNetwork:
    return q_network(
        masks.features_of(space, n_actions),
        n_actions,
        config.hidden,
        convolutions=config.convolutions,
        outputs=distribution.outputs,
        dueling=config.dueling,
        noisy=config.noisy,
        embedding=distribution.embedding if isinstance(distribution, ImplicitQuantiles) else None,
    ).to(config.device)
