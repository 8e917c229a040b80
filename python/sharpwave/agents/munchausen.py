"""Munchausen: the agent's own log-policy added to the reward.

Vieillard, Pietquin and Geist 2020, "Munchausen reinforcement learning" (arXiv 2007.14430). With
pi = softmax(q / temperature), q the target network's values (equations 2 and 3),

    y = r + alpha [temperature log pi(a|s)]_clip^0
          + discount sum_a' pi(a'|s') (q(s', a') - temperature log pi(a'|s')),

which is ``reward + bonus + discount * (value + entropy)``: `bonus` at the observation, the mean
value under `policy` and the `entropy` at the next one. With n-step returns it is the bonus of the
first step alone that is added, and the entropy of the last, as in the authors' code
(github.com/google-research/google-research, munchausen_rl): the steps between have a reward only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sharpwave.agents.c51 import of_action


def policy(values: Tensor, temperature: float) -> Tensor:
    """Return softmax(values / temperature), (B, A), of values (B, A).

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents import munchausen
    >>> munchausen.policy(torch.tensor([[1.0, 1.0]]), temperature=0.03)
    tensor([[0.5000, 0.5000]])
    """
    return _logits(values, temperature).softmax(1)


def log_policy(values: Tensor, temperature: float) -> Tensor:
    """Return log softmax(values / temperature), (B, A), of values (B, A).

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents import munchausen
    >>> munchausen.log_policy(torch.tensor([[1000.0, 1000.0, 0.0]]), temperature=0.1)
    tensor([[-6.9315e-01, -6.9315e-01, -1.0001e+04]])
    """
    return _logits(values, temperature).log_softmax(1)


def bonus(values: Tensor, action: Tensor, alpha: float, temperature: float, clip: float) -> Tensor:
    """Return alpha * clip(temperature * log pi(a|s), clip, 0), (B,).

    Parameters
    ----------
    values
        The target network's of the observations, (B, A).
    action
        The actions taken, int64 (B,).
    alpha
        How much of the log-policy is added, in [0, 1]; the paper has 0.9.
    temperature
        Of the policy, above 0; the paper has 0.03.
    clip
        The least it may be before `alpha`, below 0; the paper has -1.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents import munchausen
    >>> values, action = torch.tensor([[1.0, 1.0], [0.0, 9.0]]), torch.tensor([0, 0])
    >>> munchausen.bonus(values, action, alpha=0.9, temperature=0.03, clip=-1.0)
    tensor([-0.0187, -0.9000])
    """
    log_pi = of_action(log_policy(values, temperature), action)
    return alpha * (temperature * log_pi).clamp(clip, 0)


def entropy(values: Tensor, temperature: float) -> Tensor:
    """Return -temperature * sum_a pi log pi, (B,), of the next observations' values (B, A).

    It is added to the value that is bootstrapped, so it is discounted as that is.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents import munchausen
    >>> munchausen.entropy(torch.tensor([[1.0, 1.0]]), temperature=1.0)
    tensor([0.6931])
    """
    nats: Tensor = torch.special.entr(policy(values, temperature)).sum(1)
    return temperature * nats


def _logits(values: Tensor, temperature: float) -> Tensor:
    # Less the maximum first, as in the authors' code: divided by a small temperature, large values
    # would lose the differences between them.
    return (values - values.amax(1, keepdim=True)) / temperature
