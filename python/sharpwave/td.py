"""Temporal-difference targets on NumPy arrays and on tensors, in one pass and without autograd."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from sharpwave import _core


def target(reward: Any, discount: Any, next_q: Any, out: Any = None) -> Any:
    """Return ``reward + discount * max_a next_q`` (Mnih et al. 2015, Algorithm 1).

    Parameters
    ----------
    reward, discount : array or tensor of shape (B,)
        ``batch.reward`` and ``batch.discount``; the discount is 0 where the episode terminated.
    next_q : array or tensor of shape (B, A)
        The target network's Q-values of ``batch.next_obs``. NaN gives NaN.
    out : array or tensor of shape (B,), optional
        Where the result shall be written.

    Returns
    -------
    array or tensor of shape (B,)
        ``out``, or a new one of the kind and dtype that came in (float32 or float64). It carries
        no gradient: a target is a constant of the loss.

    Raises
    ------
    ValueError
        Shapes or kinds that do not fit together.

    Examples
    --------
    >>> import numpy as np, sharpwave as sw
    >>> reward, discount = np.array([1.0, 2.0]), np.array([0.9, 0.0])
    >>> sw.td.target(reward, discount, np.array([[1.0, 2.0], [5.0, 3.0]]))
    array([2.8, 2. ])
    """
    result = _core.td_target(reward, discount, next_q, out)
    if result is NotImplemented:
        return _general(_core.td_target, reward, discount, (next_q,), out)
    return result


def double_target(
    reward: Any, discount: Any, next_q_online: Any, next_q_target: Any, out: Any = None
) -> Any:
    """Return ``reward + discount * next_q_target[argmax_a next_q_online]`` (van Hasselt 2016).

    Parameters
    ----------
    reward, discount, out
        As for :func:`target`.
    next_q_online, next_q_target : array or tensor of shape (B, A)
        The online network chooses the action, the first of equal ones; the target network values
        it.

    Returns
    -------
    array or tensor of shape (B,)
        As for :func:`target`.

    Examples
    --------
    >>> import numpy as np, sharpwave as sw
    >>> online, target = np.array([[1.0, 2.0]]), np.array([[10.0, 5.0]])
    >>> sw.td.double_target(np.zeros(1), np.ones(1), online, target)
    array([5.])
    """
    result = _core.td_double_target(reward, discount, next_q_online, next_q_target, out)
    if result is NotImplemented:
        return _general(
            _core.td_double_target, reward, discount, (next_q_online, next_q_target), out
        )
    return result


def _general(
    kernel: Callable[..., Any], reward: Any, discount: Any, q: tuple[Any, ...], out: Any
) -> Any:
    """Do what the compiled functions leave: other devices, layouts and dtypes, and the errors."""
    operands = (reward, discount, *q)
    torch = sys.modules.get("torch")
    tensors = [torch is not None and isinstance(x, torch.Tensor) for x in operands]
    if torch is None or not any(tensors):
        return _on_arrays(kernel, operands, out)
    if not all(tensors):
        raise ValueError("td: expected all tensors or all arrays, got some of each")
    _check_shapes([tuple(x.shape) for x in operands])
    return _on_tensors(torch, operands, out)


def _on_arrays(kernel: Callable[..., Any], operands: tuple[Any, ...], out: Any) -> Any:
    arrays = [np.asarray(x) for x in operands]
    _check_shapes([x.shape for x in arrays])
    for array in arrays:
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"td: expected float32 or float64, got {array.dtype}")
    dtype = np.result_type(*arrays)
    result = kernel(*(np.ascontiguousarray(x, dtype=dtype) for x in arrays), None)
    return result if out is None else _written(out, result)


def _on_tensors(torch: Any, operands: tuple[Any, ...], out: Any) -> Any:
    with torch.no_grad():
        reward, discount, *q = operands
        if len(q) == 1:
            value = q[0].amax(dim=1)
        else:
            value = q[1].gather(1, q[0].argmax(dim=1, keepdim=True)).squeeze(1)
        result = reward + discount * value
        return result if out is None else _written(out, result)


def _written(out: Any, result: Any) -> Any:
    if tuple(out.shape) != tuple(result.shape) or out.dtype != result.dtype:
        raise ValueError(
            f"out: expected shape {tuple(result.shape)} and {result.dtype}, "
            f"got {tuple(out.shape)} and {out.dtype}"
        )
    out[...] = result
    return out


def _check_shapes(shapes: list[tuple[int, ...]]) -> None:
    reward, discount, *q = shapes
    for name, shape in (("reward", reward), ("discount", discount)):
        if len(shape) != 1 or shape != reward:
            raise ValueError(f"{name}: expected shape (B,), as reward has, got {shape}")
    for shape in q:
        if len(shape) != 2 or shape[0] != reward[0] or shape[1] == 0:
            raise ValueError(f"Q-values: expected shape ({reward[0]}, A), got {shape}")
        if shape != q[0]:
            raise ValueError(f"Q-values: expected two of one shape, got {q[0]} and {shape}")
