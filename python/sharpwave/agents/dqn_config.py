"""Settings of DQN and of what was built on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sharpwave.agents import checks
from sharpwave.agents.config import (
    BACKENDS,
    Check,
    OffPolicyConfig,
    count,
    not_negative,
    optional,
    positive,
    share,
)
from sharpwave.agents.encoders import CONVOLUTIONS
from sharpwave.agents.expected import LOSSES

DISTRIBUTIONS = ("none", "c51", "qr", "iqn")


@dataclass(frozen=True)
class DQNConfig(OffPolicyConfig):
    """Settings of DQN. Steps are transitions, however many environments they come from."""

    hidden: tuple[int, ...] = (256, 128)
    """width of each hidden layer, after the convolutions where there are any"""
    convolutions: str | None = None
    """for images: nature, impala or minatar; None chooses by their size"""
    learning_rate: float = 1e-3
    """step size of Adam"""
    adam_eps: float = 1e-8
    """what Adam adds to the root of the second moment"""
    train_freq: int = 2
    """steps between rounds of gradient steps"""
    target_update_interval: int = 200
    """steps between updates of the target network"""
    tau: float = 1.0
    """how far an update moves the target to the online network: 1 copies it, less is Polyak's"""
    loss: str = "huber"
    """of the TD error: huber or mse; distributions have their own"""
    max_grad_norm: float | None = 10.0
    """gradients longer than this are scaled down to it; None leaves them"""
    epsilon_start: float = 1.0
    """chance of a random action at the first step"""
    epsilon_end: float = 0.05
    """chance of a random action once exploration has ended"""
    exploration_fraction: float = 0.2
    """share of all steps over which the chance of a random action falls"""
    double: bool = True
    """the online network chooses the next action, the target network values it (van Hasselt 2016)"""
    dueling: bool = False
    """a stream for the observation's value beside that of the actions' advantages (Wang 2016)"""
    noisy: bool = False
    """explore by noise in the weights, not by epsilon (Fortunato 2018)"""
    distribution: str = "none"
    """learn all of the return's distribution: c51, qr (QR-DQN) or iqn; none learns its mean"""
    atoms: int = 51
    """places of c51's support"""
    v_min: float = -10.0
    """the least return that c51 can express"""
    v_max: float = 10.0
    """the largest"""
    quantiles: int = 200
    """quantiles of qr"""
    munchausen: bool = False
    """add the scaled log-policy to the reward (Vieillard 2020)"""
    munchausen_alpha: float = 0.9
    """its scale"""
    munchausen_temperature: float = 0.03
    """of the policy, a softmax of the values"""
    munchausen_clip: float = -1.0
    """the least that is added, before the scale"""
    cql_alpha: float = 0.0
    """how much values of actions that the data does not have are held down (Kumar 2020)"""
    backend: str = "auto"
    """of the gradient step: torch, native for plain networks on the CPU, auto: the faster one"""

    checks: ClassVar[Mapping[str, Check]] = {
        **OffPolicyConfig.checks,
        "hidden": checks.sizes,
        "convolutions": optional(partial(checks.choice, choices=CONVOLUTIONS)),
        "learning_rate": positive,
        "adam_eps": positive,
        "target_update_interval": count,
        "tau": partial(checks.number, above=0, at_most=1),
        "loss": partial(checks.choice, choices=LOSSES),
        "max_grad_norm": optional(positive),
        "epsilon_start": share,
        "epsilon_end": share,
        "exploration_fraction": share,
        "double": checks.flag,
        "dueling": checks.flag,
        "noisy": checks.flag,
        "distribution": partial(checks.choice, choices=DISTRIBUTIONS),
        "atoms": partial(checks.integer, at_least=2),
        "v_min": checks.number,
        "v_max": checks.number,
        "quantiles": partial(checks.integer, at_least=2),
        "munchausen": checks.flag,
        "munchausen_alpha": share,
        "munchausen_temperature": positive,
        "munchausen_clip": partial(checks.number, at_most=0),
        "cql_alpha": not_negative,
        "backend": partial(checks.choice, choices=BACKENDS),
    }
