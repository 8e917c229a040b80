"""The table of tabular Q-learning, as a NumPy array of the caller's: updated and acted by, in C++.

A table is a writable C-contiguous float64 array of shape (S, A): a row for each state, a column for
each action. States and actions are named by integers from ``first_obs`` and ``first_action`` on.
Each function takes one transition or observation as plain numbers, in well under a microsecond, or
many as sequences of shape (B,).

- ``update(table, first_obs, first_action, obs, action, reward, next_obs, discount, learning_rate)``
  adds ``learning_rate * td_error`` to Q(obs, action), where ``td_error = reward + discount *
  max_a Q(next_obs, a) - Q(obs, action)``, one transition after another, and returns ``td_error``: a
  float, or float64 of shape (B,).
- ``greedy(table, first_obs, first_action, obs)`` returns the most valuable action, of equal ones the
  first: an int, or int64 of shape (B,).
- ``epsilon_greedy(table, first_obs, first_action, obs, epsilon, u)`` returns any action with the
  chance ``epsilon``, else one of the most valuable ones. ``u`` holds uniform numbers in [0, 1), one
  an observation, and is the only chance in it.

A state or an action that the table does not have, and a reward or a discount that is not finite,
is a ValueError; the table is then as it was.

Watkins & Dayan 1992, "Q-learning" (https://doi.org/10.1007/BF00992698).

Examples
--------
>>> import numpy as np
>>> from sharpwave import q_table
>>> table = np.zeros((3, 2))
>>> q_table.update(table, 0, 0, 1, 0, 8.0, 2, 0.0, 0.5)
8.0
>>> q_table.update(table, 0, 0, [0, 0], [1, 1], [0.0, 0.0], [1, 1], [1.0, 1.0], 0.5)
array([4., 2.])
>>> table
array([[0., 3.],
       [4., 0.],
       [0., 0.]])
>>> q_table.greedy(table, 0, 0, [0, 1, 2])
array([1, 0, 0])
"""

from __future__ import annotations

from sharpwave import _core

update = _core.q_table_update
greedy = _core.q_table_greedy
epsilon_greedy = _core.q_table_epsilon_greedy
