"""Q-learning with a table.

Watkins & Dayan 1992, "Q-learning" (https://doi.org/10.1007/BF00992698).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from sharpwave import q_table
from sharpwave.agents.agent import Agent, Update
from sharpwave.agents.exploration import epsilon, linear
from sharpwave.agents.rows import Rows
from sharpwave.agents.table import Table
from sharpwave.agents.tabular_config import QLearningConfig


class QLearning(Agent):
    """A Q-learning agent with a table, for one or many environments with few states and actions.

    Parameters
    ----------
    observation_space, action_space
        Of a single environment. Observations are Discrete, a MultiDiscrete of one axis or a Tuple of
        Discrete; actions are Discrete.
    config
        The hyperparameters.
    seed
        Of exploration.

    Attributes
    ----------
    table
        The values, float64 of shape (S, A): a row for each observation, a column for each action.
        It is the memory that the agent acts by and learns in, and may be written to. The row of an
        observation of several parts is ``np.ravel_multi_index`` of the parts, each counted from its
        start.

    Examples
    --------
    >>> import sharpwave as sw
    >>> from gymnasium.spaces import Discrete
    >>> agent = sw.agents.QLearning(Discrete(3), Discrete(2), seed=0)
    >>> agent.learn(obs=1, action=0, reward=8.0, next_obs=2, terminated=True)
    8.0
    >>> agent.table
    array([[0. , 0. ],
           [0.8, 0. ],
           [0. , 0. ]])
    >>> agent.act(1)
    0
    """

    config: QLearningConfig

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: QLearningConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"action_space: QLearning needs Discrete actions, got {action_space}")
        super().__init__(observation_space, action_space, config or QLearningConfig())
        self._rows: Rows | None = None
        self._first_obs = 0
        if isinstance(observation_space, spaces.Discrete):
            self._first_obs, states = int(observation_space.start), int(observation_space.n)
        else:
            self._rows = Rows.of(observation_space)
            states = len(self._rows)
        self._first_action = int(action_space.start)
        self._values = Table(states, int(action_space.n), self.config.initial_value)
        self.table = self._values.array
        # A child of the seed: an environment with this seed draws from the seed's own stream, and
        # where it slips would depend on when the agent explores.
        self._rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])

    def act(self, obs: Any) -> Any:
        """Choose the most valuable action, of equal ones the first.

        Parameters
        ----------
        obs
            One observation, or a batch of them with a leading axis.

        Returns
        -------
        int or ndarray
            The action, or an int64 array of actions.
        """
        row = obs if self._rows is None else self._rows(obs)
        return q_table.greedy(self.table, self._first_obs, self._first_action, row)

    def epsilon(self, step: int, steps: int) -> float:
        """Return the chance of a random action at ``step`` of a run of ``steps``."""
        return epsilon(self.config, step, steps)

    def exploration(self, step: int, steps: int) -> Mapping[str, float]:
        """Return epsilon."""
        return {"epsilon": self.epsilon(step, steps)}

    def explore(self, obs: Any, step: int, steps: int) -> Any:
        """Choose an action to learn from: random with the chance of this step, else a best one.

        Of equally valuable actions each is as likely. One random number is drawn an observation.

        Parameters
        ----------
        obs
            One observation, or a batch of them with a leading axis.
        step, steps
            Steps taken so far, and steps of the run.

        Returns
        -------
        int or ndarray
            The action, or an int64 array of actions.
        """
        row = obs if self._rows is None else self._rows(obs)
        chance = self.epsilon(step, steps)
        is_one = isinstance(row, (int, np.integer))
        u = self._rng.random() if is_one else self._rng.random(np.shape(row))
        return q_table.epsilon_greedy(
            self.table, self._first_obs, self._first_action, row, chance, u
        )

    def learn(
        self,
        obs: Any,
        action: Any,
        reward: Any,
        next_obs: Any,
        terminated: Any,
        *,
        step: int | None = None,
        steps: int | None = None,
    ) -> Any:
        """Move Q(obs, action) towards ``reward + gamma * max_a Q(next_obs, a)``.

        Parameters
        ----------
        obs, action, reward, next_obs, terminated
            One transition, or many with a leading axis, learned one after another. A terminated one
            has no next value; a truncated one does.
        step, steps
            Steps taken so far, and steps of the run; needed with ``learning_rate_end``.

        Returns
        -------
        float or ndarray
            The TD error before the change, or a float64 array of them.

        Raises
        ------
        ValueError
            An observation or an action outside its space, a reward that is not finite, columns of
            several lengths. The table is then as it was.
        """
        discount: Any = self.config.gamma
        if not isinstance(terminated, (bool, np.bool_)):
            discount = np.where(terminated, 0.0, discount)
        elif terminated:
            discount = 0.0
        return self._update(obs, action, reward, next_obs, discount, step, steps)

    def update(self, batch: Any, *, step: int | None = None, steps: int | None = None) -> Update:
        """Learn from a batch of a replay buffer, one transition after another.

        Parameters
        ----------
        batch
            Arrays, or tensors on the CPU: obs, action, reward, next_obs, discount, (B,) each. The
            discount is the buffer's, whose ``gamma`` and ``n_step`` count then.
        step, steps
            As for `learn`.

        Returns
        -------
        Update
            The mean of the squared TD errors, and these, float64 (B,).

        Raises
        ------
        ValueError
            As for `learn`.
        """
        errors = torch.as_tensor(
            self._update(
                batch.obs, batch.action, batch.reward, batch.next_obs, batch.discount, step, steps
            )
        )
        return Update(errors.square().mean(), errors)

    def parts(self) -> Mapping[str, Any]:
        """The table and the generator."""
        return {"table": self._values, "rng": self._rng}

    @property
    def policy(self) -> Table:
        """The table."""
        return self._values

    def _update(
        self,
        obs: Any,
        action: Any,
        reward: Any,
        next_obs: Any,
        discount: Any,
        step: int | None,
        steps: int | None,
    ) -> Any:
        if self._rows is not None:
            obs, next_obs = self._rows(obs), self._rows(next_obs)
        return q_table.update(
            self.table,
            self._first_obs,
            self._first_action,
            obs,
            action,
            reward,
            next_obs,
            discount,
            self._learning_rate(step, steps),
        )

    def _learning_rate(self, step: int | None, steps: int | None) -> float:
        start, end = self.config.learning_rate, self.config.learning_rate_end
        if end is None:
            return start
        if step is None or steps is None:
            raise ValueError(
                "step, steps: expected the steps taken and those of the run, by which "
                f"learning_rate_end={end} falls due, got {step} and {steps}"
            )
        return linear(step, start, end, steps)
