"""C51: the distribution of returns, as the probabilities of fixed atoms.

Bellemare, Dabney and Munos 2017, "A distributional perspective on reinforcement learning"
(arXiv 1707.06887).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharpwave.agents import checks


@dataclass(frozen=True)
class Categorical:
    """The K numbers of an action are the logits of K evenly spaced returns, the atoms.

    Parameters
    ----------
    atoms
        How many there are, at least 2.
    v_min, v_max
        The first and the last of them. A return beyond counts as the nearest.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.c51 import Categorical
    >>> returns = Categorical(atoms=3, v_min=0.0, v_max=2.0)
    >>> logits = torch.tensor([[[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]]).log()  # of two actions
    >>> returns.values(logits)
    tensor([[0.5000, 1.5000]])
    >>> mixed = returns.mix(logits, torch.tensor([[0.0, 1.0]]))
    >>> returns.target(torch.tensor([0.5]), torch.tensor([0.5]), mixed)
    tensor([[0.0000, 0.7500, 0.2500]])
    """

    atoms: int = 51
    v_min: float = -10.0
    v_max: float = 10.0

    def __post_init__(self) -> None:
        checks.integer("atoms", self.atoms, at_least=2)
        checks.number("v_min", self.v_min)
        checks.number("v_max", self.v_max, above=self.v_min)

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for an action."""
        return self.atoms

    def values(self, output: Tensor) -> Tensor:
        """Return the expected returns (B, A) of logits (B, A, K)."""
        support = torch.linspace(
            self.v_min, self.v_max, self.atoms, dtype=output.dtype, device=output.device
        )
        return output.softmax(2) @ support

    def in_numpy(self, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same for one observation without torch: (A,) of (A, K)."""
        mass = np.exp(output - output.max(1, keepdims=True))
        place = mass.dot(np.arange(self.atoms, dtype=mass.dtype)) / mass.sum(1)
        values: npt.NDArray[Any] = self.v_min + place * _spacing(self.v_min, self.v_max, self.atoms)
        return values

    def of(self, output: Tensor, action: Tensor) -> Tensor:
        """Return the logits (B, K) of the actions (B,) taken."""
        return of_action(output, action)

    def mix(self, output: Tensor, pi: Tensor) -> Tensor:
        """Return the probabilities (B, K) of logits (B, A, K) under a policy (B, A)."""
        return mixture(output.softmax(2), pi)

    def target(self, reward: Tensor, discount: Tensor, next: Tensor) -> Tensor:
        """Return the probabilities (B, K) of reward + discount * return; see `project`."""
        return project(reward, discount, next, self.v_min, self.v_max)

    def greedy(self, reward: Tensor, discount: Tensor, chooser: Tensor, output: Tensor) -> Tensor:
        """Return the target where the next action is argmax_a chooser, (B, A)."""
        return self.target(reward, discount, self.of(output, chooser.argmax(1)).softmax(1))

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of Algorithm 1, -sum_i m_i log p_i, (B,).

        Parameters
        ----------
        prediction
            Logits of p, (B, K). They alone get a gradient.
        target
            The probabilities m, (B, K).
        """
        expect_shape("target", target, prediction.shape)
        return -(target.detach() * prediction.log_softmax(1)).sum(1)

    def td_error(self, _prediction: Tensor, target: Tensor, loss: Tensor) -> Tensor:
        """Return KL(target || prediction), (B,): the loss less what no prediction could avoid.

        Rainbow prioritizes by it (Hessel et al. 2018, arXiv 1710.02298).
        """
        entropy: Tensor = torch.special.entr(target).sum(1)
        return (loss - entropy).detach().clamp_(min=0)


def project(
    reward: Tensor, discount: Tensor, probabilities: Tensor, v_min: float, v_max: float
) -> Tensor:
    """Return the distribution of reward + discount * z, projected onto the atoms z.

    Where an atom moves to, the two atoms around share its mass, the nearer one getting more
    (Bellemare et al. 2017, Algorithm 1). Mass that lands on an atom stays whole; what lands beyond
    the ends goes to the ends.

    Parameters
    ----------
    reward, discount
        (B,). The discount is 0 where the episode terminated.
    probabilities
        Of K atoms, evenly spaced from `v_min` to `v_max`: (B, K).

    Returns
    -------
    Tensor
        Probabilities (B, K). A reward that is NaN makes NaN of its row, and of no other.

    Raises
    ------
    ValueError
        Shapes that do not fit together.

    Examples
    --------
    >>> import torch
    >>> from sharpwave.agents.c51 import project
    >>> p = torch.tensor([[0.1, 0.2, 0.4, 0.2, 0.1]])
    >>> project(torch.tensor([0.5]), torch.tensor([0.5]), p, -2.0, 2.0)
    tensor([[0.0000, 0.0500, 0.4500, 0.4500, 0.0500]])
    """
    expect_backup(reward, discount, probabilities)
    atoms = probabilities.shape[1]
    atom = torch.arange(atoms, dtype=probabilities.dtype, device=probabilities.device)
    # The paper's b_j = (reward + discount * z_j - v_min) / spacing, written so that rounding moves
    # nothing where reward and discount move nothing.
    shift = (reward + (discount - 1) * v_min) / _spacing(v_min, v_max, atoms)
    place = torch.addcmul(shift.unsqueeze(1), discount.unsqueeze(1), atom).clamp_(0, atoms - 1)
    return _scattered(place, probabilities) if place.is_cpu else _summed(place, probabilities)


def _spacing(v_min: float, v_max: float, atoms: int) -> float:
    return (v_max - v_min) / (atoms - 1)


def _scattered(place: Tensor, mass: Tensor) -> Tensor:
    # The clamp leaves the last atom a neighbour above, and makes an index even of NaN.
    below = place.long().clamp_(0, mass.shape[1] - 2)
    upper = mass * (place - below)
    projected = torch.zeros_like(mass).scatter_add_(1, below, mass - upper)
    return projected.scatter_add_(1, below + 1, upper)


def _summed(place: Tensor, mass: Tensor) -> Tensor:
    """The same as a sum over all pairs of atoms.

    A CPU takes longer for it. A GPU's scatter_add_ adds in an order that changes from run to run,
    and refuses to where torch must be deterministic.
    """
    atom = torch.arange(mass.shape[1], dtype=mass.dtype, device=mass.device)
    share = (place.unsqueeze(1) - atom.unsqueeze(1)).abs_().neg_().add_(1).clamp_(min=0)
    return share.mul_(mass.unsqueeze(1)).sum(2)


def mixture(distributions: Tensor, pi: Tensor) -> Tensor:
    """Return sum_a pi_a distributions_a, (B, K), of (B, A, K) and (B, A).

    Where pi is sure of an action it is that action's, bit for bit. A matrix product would be
    faster, but keeps that only while torch multiplies at full precision.
    """
    expect_shape("pi", pi, distributions.shape[:2])
    return (distributions * pi.unsqueeze(2)).sum(1)


def of_action(output: Tensor, action: Tensor) -> Tensor:
    """Return the rows (B, K) of ``output`` (B, A, K) at the actions (B,), int64."""
    expect_shape("action", action, output.shape[:1])
    return output[torch.arange(len(output), device=output.device), action]


def expect_backup(reward: Tensor, discount: Tensor, next: Tensor) -> None:
    """Refuse shapes other than (B,), (B,) and (B, K): they would broadcast to something else."""
    expect_shape("next", next, (*next.shape[:1], *next.shape[-1:]))
    expect_shape("reward", reward, next.shape[:1])
    expect_shape("discount", discount, next.shape[:1])


def expect_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse a tensor that has another shape."""
    if tensor.shape != shape:
        raise ValueError(f"{name}: expected shape {tuple(shape)}, got {tuple(tensor.shape)}")
