"""sharpwave: TD targets, and the distributional one of its agents."""

from __future__ import annotations

import torch

import sharpwave as sw
from bench.workloads import V_MAX, V_MIN, Array, Loop, Values, chances
from sharpwave.agents.c51 import project


def target(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, _ = vars(values).values()
    rewards, discounts, next_qs, _ = map(torch.from_numpy, vars(values).values())

    def arrays(calls: int) -> Array:
        for _ in range(calls):
            out = sw.td.target(reward, discount, next_q)
        return out

    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            out = sw.td.target(rewards, discounts, next_qs)
        return out

    return {"arrays": arrays, "tensors": tensors}


def double_target(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, next_q_target = vars(values).values()
    rewards, discounts, next_qs, next_q_targets = map(torch.from_numpy, vars(values).values())

    def arrays(calls: int) -> Array:
        for _ in range(calls):
            out = sw.td.double_target(reward, discount, next_q, next_q_target)
        return out

    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            out = sw.td.double_target(rewards, discounts, next_qs, next_q_targets)
        return out

    return {"arrays": arrays, "tensors": tensors}


def c51(values: Values) -> dict[str, Loop]:
    reward, discount = map(torch.from_numpy, (values.reward, values.discount))
    probabilities = torch.from_numpy(chances(values))

    @torch.no_grad()
    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            out = project(reward, discount, probabilities, V_MIN, V_MAX)
        return out

    return {"tensors": tensors}
