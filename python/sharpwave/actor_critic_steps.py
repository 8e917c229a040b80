"""Gradient steps of SAC, TD3 and DDPG with small multilayer perceptrons, a call of C++ each.

As in `sharpwave.mlp`, the parameters and Adam's moments are vectors that the caller keeps, and a
call holds no GIL. ``SacStep(obs, actions, hidden, critics, log_std, mean)`` and ``Td3Step(obs,
actions, hidden, critics, noise, noise_clip)`` know the networks, linear layers with ReLU between
them: an actor, whose vector has of each layer the weight (out, in), then the bias, and which gives
the action, squashed by tanh, or for SAC its mean, then the log of its standard deviation; and
critics of observation and action, whose vector has of each layer all weights (critics, in, out),
then all biases (critics, out). ``log_std`` are the least and the largest log of a deviation,
``mean`` is whether SAC's actor climbs the mean of its critics or the least of them; ``noise`` and
``noise_clip`` are those of a target's action. Called is

- ``step_critics(critics, target, actor, obs, action, reward, next_obs, discount, weight, noise)``
  with B transitions, ``weight`` of their losses or None, standard normal ``noise`` (B, actions) and
  the parameters of the target critics and of the actor, for TD3 of the target actor; SAC's has
  after them the ``temperature`` and which ``members`` of the critics the target takes. It returns
  the loss before the step, a sum over the critics, and the size of each TD error, float32 (B,).
- ``step_actor(actor, critics, obs)``, for SAC with ``noise`` and ``temperature``. It returns the
  loss before the step; SAC's also the log of the density of the actions drawn, float32 (B,).

The network that is stepped, ``critics`` or ``actor``, is a tuple of values, gradient, exp_avg and
exp_avg_sq, contiguous float32 vectors that are written, and step, counted from 1, learning_rate,
beta1, beta2 and eps, as in ``torch.optim.Adam``; the other one is its vector. Actions lie in [-1, 1].
Sizes that do not fit, and a member that there is not, are a ValueError; then nothing was written.

Haarnoja et al. 2018 (arXiv 1812.05905); Fujimoto et al. 2018 (arXiv 1802.09477).

Examples
--------
>>> import numpy as np
>>> from sharpwave.actor_critic_steps import Td3Step
>>> step = Td3Step(obs=1, actions=1, hidden=(), critics=1, noise=0.2, noise_clip=0.5)
>>> values, gradient, m, v = np.zeros((4, 3), np.float32)  # of the observation, the action, a bias
>>> critics = (values, gradient, m, v, 1.0, 0.5, 0.9, 0.999, 1e-8)
>>> target, actor, one = np.zeros(3, np.float32), np.zeros(2, np.float32), np.ones((1, 1))
>>> rows = {"obs": one, "action": one, "reward": one, "next_obs": one, "discount": one}
>>> step.step_critics(critics, target, actor, **rows, weight=None, noise=one)
(1.0, array([1.], dtype=float32))
>>> gradient, values.round(3)
(array([-2., -2., -2.], dtype=float32), array([0.5, 0.5, 0.5], dtype=float32))
"""

from __future__ import annotations

from sharpwave import _core

SacStep = _core.SacStep
Td3Step = _core.Td3Step
