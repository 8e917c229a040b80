"""The parameters of a network side by side in one vector, and their gradient in another.

To clip, to step and to follow are then one operation each, however many parameters there are: for
small networks the number of operations is what a gradient step costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.adam import adam as functional_adam

from sharpwave.agents.encoders import FloatArray


class FlatParameters:
    """All parameters of some modules, which become views of `values`.

    Attributes
    ----------
    values
        The vector; an optimizer over it alone steps every parameter. Its ``grad`` is a vector too.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.flat import FlatParameters
    >>> layer = torch.nn.Linear(3, 2)
    >>> flat = FlatParameters(layer)
    >>> flat.backward(layer(torch.ones(1, 3)).sum())
    >>> flat.values.shape, flat.gradient.tolist()
    (torch.Size([8]), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, *modules: nn.Module) -> None:
        self._parameters = [p for module in modules for p in module.parameters()]
        sizes = [parameter.numel() for parameter in self._parameters]
        values = torch.cat([parameter.detach().reshape(-1) for parameter in self._parameters])
        for parameter, part in zip(self._parameters, torch.split(values, sizes), strict=True):
            parameter.data = part.view_as(parameter)
        self.values = nn.Parameter(values)
        self.gradient = self.values.grad = torch.zeros_like(values)

    def backward(self, loss: Tensor) -> None:
        """Write the gradient of ``loss`` over the one that was there."""
        parts = torch.autograd.grad(loss, self._parameters)
        torch.cat([part.reshape(-1) for part in parts], out=self.gradient)

    def follow(self, other: FlatParameters, share: float) -> None:
        """Move the values to those of ``other`` by a share of the way; 1 copies them."""
        with torch.no_grad():
            self.values.lerp_(other.values, share)

    def numpy(self) -> FloatArray:
        """Return the values as an array over the same memory; they are on the CPU."""
        view: FloatArray = self.values.detach().numpy()
        return view


def clip(gradient: Tensor, max_norm: float) -> None:
    """Scale ``gradient`` down, in place, to the length ``max_norm`` if it is longer."""
    scale = max_norm / (torch.linalg.vector_norm(gradient) + 1e-6)
    gradient.mul_(scale.clamp_(max=1.0))


def adam(parameters: FlatParameters, learning_rate: float, eps: float = 1e-8) -> torch.optim.Adam:
    """Adam over all parameters at once."""
    return torch.optim.Adam([parameters.values], lr=learning_rate, eps=eps, fused=True)


@torch.no_grad()
def adam_step(optimizer: torch.optim.Adam) -> None:
    """Take the step that ``optimizer.step()`` takes, for an optimizer that `adam` made.

    It goes straight to the function in which torch's own step ends: what lies between the two, for
    hooks and groups of parameters, takes as long as the step of a small network.
    """
    (group,) = optimizer.param_groups
    (values,) = group["params"]
    state = optimizer.state[values]
    if not state:
        optimizer.step()  # which makes the state
        return
    beta1, beta2 = group["betas"]
    functional_adam(
        [values],
        [values.grad],
        [state["exp_avg"]],
        [state["exp_avg_sq"]],
        [],
        [state["step"]],
        fused=True,
        amsgrad=False,
        beta1=beta1,
        beta2=beta2,
        lr=group["lr"],
        weight_decay=0.0,
        eps=group["eps"],
        maximize=False,
    )


NativeAdam = tuple[
    FloatArray, FloatArray, FloatArray, FloatArray, float, float, float, float, float
]


@contextmanager
def native_adam(parameters: FlatParameters, optimizer: torch.optim.Adam) -> Iterator[NativeAdam]:
    """Lend values, gradient and Adam's state to a step that is not torch's, which is then counted.

    Arrays over the optimizer's own memory: values, gradient, both moments; then the number of the
    step, counted from 1, the learning rate, both betas and eps as they are now.
    """
    values = parameters.values
    state = optimizer.state[values]
    if not state:  # as Adam begins
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"] = torch.zeros_like(values, requires_grad=False)
        state["exp_avg_sq"] = torch.zeros_like(values, requires_grad=False)
    group = optimizer.param_groups[0]
    yield (
        parameters.numpy(),
        parameters.gradient.numpy(),
        state["exp_avg"].numpy(),
        state["exp_avg_sq"].numpy(),
        state["step"].item() + 1,
        group["lr"],
        *group["betas"],
        group["eps"],
    )
    state["step"] += 1
