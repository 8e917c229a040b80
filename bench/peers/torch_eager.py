"""PyTorch: TD targets as CleanRL's and Stable-Baselines3's DQN compute them, on one thread.

``torch.no_grad`` is entered once, outside the loop, in torch's favour.
"""

from __future__ import annotations

import torch

from bench.workloads import Loop, Values

label = "PyTorch"


def version() -> str:
    return str(torch.__version__)


def target(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, _ = map(torch.from_numpy, vars(values).values())

    @torch.no_grad()
    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            out = reward + discount * next_q.max(1).values
        return out

    return {"tensors": tensors}


def double_target(values: Values) -> dict[str, Loop]:
    reward, discount, next_q, next_q_target = map(torch.from_numpy, vars(values).values())

    @torch.no_grad()
    def tensors(calls: int) -> torch.Tensor:
        for _ in range(calls):
            best = next_q.argmax(1, keepdim=True)
            out = reward + discount * next_q_target.gather(1, best).squeeze(1)
        return out

    return {"tensors": tensors}
