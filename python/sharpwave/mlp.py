"""A gradient step of DQN with a small multilayer perceptron, in one call of C++.

For a network of a few thousand parameters torch's time goes into finding out what to compute. Here
the two or three forward passes, the loss, the backward pass, the clipping and Adam are one call over
memory that the caller keeps, without the GIL.

``DqnStep(widths, first_action, double, huber, max_norm)`` knows the network: linear layers of these
widths with ReLU between them, whose parameters are one float32 vector, of each layer the weight
(out, in), then the bias. ``double``, ``huber`` and ``max_norm`` are those of `DQNConfig`. Called with

- ``target``, the target network's parameters, and ``values``, the online network's;
- ``gradient``, ``exp_avg`` and ``exp_avg_sq``, vectors as long, and ``step``, counted from 1, with
  ``learning_rate, beta1, beta2, eps``: as in ``torch.optim.Adam``;
- ``obs, action, reward, next_obs, discount`` of B transitions, and the ``weight`` of their losses or
  None,

it writes the gradient, as it was clipped, both moments and the values, and returns the loss before
the step and the size of each TD error, float32 of shape (B,). All vectors that are written are
contiguous float32 arrays. Sizes that do not fit, and an action that there is not, are a ValueError;
then nothing was written.

Mnih et al. 2015 (https://doi.org/10.1038/nature14236); Kingma & Ba 2015 (arXiv 1412.6980).

Examples
--------
>>> import numpy as np
>>> from sharpwave.mlp import DqnStep
>>> step = DqnStep((1, 2), first_action=0, double=True, huber=False, max_norm=None)
>>> target, values, gradient, m, v = np.zeros((5, 4), np.float32)
>>> obs, action, reward, discount = np.ones((1, 1)), np.array([1]), np.ones(1), np.zeros(1)
>>> adam = {"step": 1, "learning_rate": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
>>> batch = {"obs": obs, "action": action, "reward": reward, "next_obs": obs, "discount": discount}
>>> step(target, values, gradient, m, v, **adam, **batch, weight=None)
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
