"""A gradient step of DQN with a small multilayer perceptron, in one call of C++.

For a network of a few thousand parameters torch's time goes into finding out what to compute. Here
the two or three forward passes, the loss, the backward pass, the clipping and Adam are one call over
memory that the caller keeps, without the GIL.

``DqnStep(widths, first_action, double, huber, max_norm, dueling, noisy, support)`` knows the network
of `q_network`: linear layers with ReLU between them, ``widths`` from the observation to the number
of actions. ``double``, ``huber``, ``max_norm``, ``dueling`` and ``noisy`` are those of `DQNConfig`;
``support`` is C51's (atoms, v_min, v_max), or None. Parameters are one float32 vector in torch's
order: of each layer the weight (out, in), the bias and, where it is noisy, the sigmas of both; the
layers before the streams, those of the advantages, those of the value. Called with

- ``target``, the target network's parameters, and ``values``, the online network's;
- ``gradient``, ``exp_avg`` and ``exp_avg_sq``, vectors as long, and ``step``, counted from 1, with
  ``learning_rate, beta1, beta2, eps``: as in ``torch.optim.Adam``;
- ``obs, action, reward, next_obs, discount`` of B transitions, and the ``weight`` of their losses or
  None;
- ``noise`` and ``target_noise`` of the online and the target network's noisy layers, of each that of
  its inputs, then that of its outputs, as float32; or None,

it writes the gradient, as it was clipped, both moments and the values, and returns the loss before
the step and the size of each TD error, with C51 a divergence, float32 of shape (B,). All vectors
that are written are contiguous float32 arrays. Sizes that do not fit, and an action that there is
not, are a ValueError; then nothing was written.

Mnih et al. 2015 (https://doi.org/10.1038/nature14236); Kingma & Ba 2015 (arXiv 1412.6980);
Wang et al. 2016 (arXiv 1511.06581); Fortunato et al. 2018 (arXiv 1706.10295); Bellemare, Dabney &
Munos 2017 (arXiv 1707.06887).

Examples
--------
>>> import numpy as np
>>> from sharpwave.mlp import DqnStep
>>> plain = {"dueling": False, "noisy": False, "support": None}
>>> step = DqnStep((1, 2), first_action=0, double=True, huber=False, max_norm=None, **plain)
>>> target, values, gradient, m, v = np.zeros((5, 4), np.float32)
>>> obs, action, reward, discount = np.ones((1, 1)), np.array([1]), np.ones(1), np.zeros(1)
>>> adam = {"step": 1, "learning_rate": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
>>> batch = {"obs": obs, "action": action, "reward": reward, "next_obs": obs, "discount": discount}
>>> nothing = {"weight": None, "noise": None, "target_noise": None}
>>> step(target, values, gradient, m, v, **adam, **batch, **nothing)
(1.0, array([1.], dtype=float32))
>>> gradient, values.round(3)
(array([ 0., -2.,  0., -2.], dtype=float32), array([0. , 0.5, 0. , 0.5], dtype=float32))
"""

from __future__ import annotations

from sharpwave import _core
from sharpwave.build_info import build_config

DqnStep = _core.DqnStep
HAS_VECTORS = not build_config()["compiler"].startswith("MSVC")
"""Whether this build has a vector type; without one the step is several times slower than torch."""
