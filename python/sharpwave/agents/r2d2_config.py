"""Settings of R2D2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sharpwave.agents import checks
from sharpwave.agents.config import Check, OffPolicyConfig, count, optional, positive, share
from sharpwave.agents.encoders import CONVOLUTIONS


@dataclass(frozen=True)
class R2D2Config(OffPolicyConfig):
    """Settings of R2D2. A batch is of sequences; all else counts transitions."""

    hidden: tuple[int, ...] = (128,)
    """width of each layer before the memory, after the convolutions where there are any"""
    memory: int = 128
    """width of the LSTM; each transition is stored with twice as many numbers"""
    convolutions: str | None = None
    """for images: nature, impala or minatar; None chooses by their size"""
    batch_size: int = 32
    """sequences in a gradient step"""
    length: int = 20
    """steps of a sequence to learn from"""
    burn_in: int = 10
    """steps before them; from an episode that has no more steps nothing is learned"""
    period: int = 10
    """sequences begin at every so many steps of an episode"""
    n_step: int = 5
    """rewards summed before a target bootstraps, or fewer at a sequence's end"""
    train_freq: int = 4
    """steps between rounds of gradient steps"""
    learning_rate: float = 1e-3
    """step size of Adam"""
    adam_eps: float = 1e-3
    """what Adam adds to the root of the second moment"""
    target_update_interval: int = 400
    """steps between updates of the target network"""
    max_grad_norm: float | None = 40.0
    """gradients longer than this are scaled down to it; None leaves them"""
    epsilon_start: float = 1.0
    """chance of a random action at the first step"""
    epsilon_end: float = 0.05
    """chance of a random action once exploration has ended"""
    exploration_fraction: float = 0.2
    """share of all steps over which the chance of a random action falls"""
    prioritized: bool = True
    """draw sequences by the TD errors of their steps, else all alike"""
    priority_alpha: float = 0.9
    """how much the TD errors matter: 0 draws all alike"""
    priority_beta: float = 0.6
    """how much of the bias is corrected at the first step; all of it at the last"""
    priority_eta: float = 0.9
    """share of a sequence's largest TD error in its priority; the rest is their mean's"""
    rescale: bool = True
    """learn values on a scale on which large ones are nearer to each other; see `rescaled`"""
    double: bool = True
    """the online network chooses the next action, the target network values it (van Hasselt 2016)"""
    dueling: bool = True
    """a stream for the observation's value beside that of the actions' advantages (Wang 2016)"""

    checks: ClassVar[Mapping[str, Check]] = {
        **OffPolicyConfig.checks,
        "hidden": checks.sizes,
        "memory": count,
        "convolutions": optional(partial(checks.choice, choices=CONVOLUTIONS)),
        "length": count,
        "burn_in": partial(checks.integer, at_least=0),
        "period": count,
        "learning_rate": positive,
        "adam_eps": positive,
        "target_update_interval": count,
        "max_grad_norm": optional(positive),
        "epsilon_start": share,
        "epsilon_end": share,
        "exploration_fraction": share,
        "priority_eta": share,
        "rescale": checks.flag,
        "double": checks.flag,
        "dueling": checks.flag,
    }
