"""ReplayBuffer: arguments and spaces in, the compiled buffer underneath."""

from __future__ import annotations

import operator
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

from sharpwave import _core
from sharpwave._casting import cast
from sharpwave._fork import watch
from sharpwave.autoreset import MODES, mode_of, true_next_obs
from sharpwave.batch import Batch
from sharpwave.field import Field
from sharpwave.samplers import Uniform
from sharpwave.spaces import fields_of

_Self = TypeVar("_Self", bound="ReplayBuffer")

# Names that a batch or a call already has.
_TAKEN = {
    "obs", "action", "reward", "next_obs", "terminated", "truncated", "discount", "index",
    "weight", "mask", "info", "env_ids", "self", *(name for name in dir(Batch)),
}  # fmt: skip

_LARGEST = 2**63 - 1


class ReplayBuffer(_core.ReplayBuffer):
    """The last transitions of one or many environments, stored once, drawn at random.

    Parameters
    ----------
    capacity : int
        How many transitions are kept in all; each environment has ``capacity // num_envs``.
    observation_space, action_space
        A single environment's Gymnasium spaces (Box, Discrete, MultiDiscrete, MultiBinary, nested
        Dict and Tuple), or :class:`Field` in the place of any of them, which may store its values
        smaller and sample them otherwise.
    num_envs : int
        How many environments are stepped together.
    gamma : float
        The discount of a row that does not terminate, from 0 to 1.
    sampler : Uniform
        How rows are drawn.
    autoreset : {None, "next_step", "same_step", "disabled"}
        What the vector environment does at the end of an episode, in Gymnasium's words.
        ``next_step``: the row after an end is the reset and is not stored. ``same_step``: the true
        successor of an ended row is taken from ``info``. Otherwise rows are stored as they come.
    extra_fields : mapping of str to Field
        Further columns, passed to :meth:`add` by name.
    seed : int, optional
        From 0 to 2**64 - 1. One seed gives one stream of samples on every platform.

    Raises
    ------
    ValueError
        An argument outside its range.
    MemoryError
        A capacity that does not fit in this machine's memory.

    Notes
    -----
    An observation is stored once, also when it is one row's ``next_obs`` and the next one's
    ``obs``; final observations are kept apart. All methods may be called from several threads.

    Examples
    --------
    >>> import sharpwave as sw
    >>> buffer = sw.ReplayBuffer(
    ...     1000, observation_space=sw.Field((4,)), action_space=sw.Field((), "int64"), seed=0
    ... )
    >>> buffer.add([0.1, 0.2, 0.3, 0.4], 1, 1.0, [0.2, 0.2, 0.3, 0.4], False, False)
    >>> batch = buffer.sample(32)
    >>> batch.obs.shape, batch.action.dtype
    ((32, 4), dtype('int64'))
    """

    def __init__(
        self,
        capacity: int,
        *,
        observation_space: Any,
        action_space: Any,
        num_envs: int = 1,
        gamma: float = 0.99,
        sampler: Uniform | None = None,
        autoreset: str | None = None,
        extra_fields: Mapping[str, Field] | None = None,
        seed: int | None = None,
    ) -> None:
        if autoreset not in (None, *MODES):
            raise ValueError(f"autoreset: expected None or one of {MODES}, got {autoreset!r}")
        if not 0.0 <= gamma <= 1.0:
            raise ValueError(f"gamma: expected a number from 0 to 1, got {gamma!r}")
        self.sampler = _checked_sampler(sampler)
        self.autoreset = autoreset
        self.seed = _checked_seed(seed)
        obs = fields_of(observation_space, "observation_space")
        super().__init__(
            capacity=_checked_count("capacity", capacity),
            obs=obs,
            action=fields_of(action_space, "action_space"),
            extra_fields=_checked_extras(extra_fields or {}),
            num_envs=_checked_count("num_envs", num_envs),
            gamma=gamma,
            skip_resets=autoreset == "next_step",
            seed=self.seed,
            batch_type=Batch,
            cast=cast,
            final_obs=partial(true_next_obs, obs) if autoreset == "same_step" else None,
        )
        watch(self)

    @classmethod
    def for_env(cls: type[_Self], env: Any, capacity: int, **options: Any) -> _Self:
        """Make a buffer for an environment: spaces, ``num_envs`` and ``autoreset`` are read off it.

        Parameters
        ----------
        env
            A Gymnasium environment or vector environment.
        capacity : int
            As for the class, like every further keyword.

        Raises
        ------
        ValueError
            A vector environment that does not declare its autoreset mode; pass ``autoreset=``.

        Examples
        --------
        >>> import gymnasium as gym, sharpwave as sw
        >>> env = gym.make_vec("CartPole-v1", num_envs=4)
        >>> buffer = sw.ReplayBuffer.for_env(env, 100_000, seed=0)
        >>> buffer.num_envs, buffer.autoreset
        (4, 'next_step')
        """
        options.setdefault("num_envs", getattr(env, "num_envs", 1))
        if "autoreset" not in options:
            options["autoreset"] = mode_of(env)
        return cls(
            capacity,
            observation_space=_single(env, "observation_space"),
            action_space=_single(env, "action_space"),
            **options,
        )

    def __repr__(self) -> str:
        return (
            f"ReplayBuffer({len(self)} of {self.capacity} transitions, num_envs={self.num_envs}, "
            f"sampler={self.sampler}, {self.nbytes / 2**20:.1f} MiB)"
        )


def _single(env: Any, name: str) -> Any:
    return getattr(env, f"single_{name}", None) or getattr(env, name)


def _checked_sampler(sampler: Uniform | None) -> Uniform:
    if sampler is None:
        return Uniform()
    if not isinstance(sampler, Uniform):
        raise ValueError(f"sampler: expected sharpwave.Uniform(), got {sampler!r}")
    return sampler


def _checked_count(name: str, value: int) -> int:
    try:
        count = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
    if count > _LARGEST:
        raise MemoryError(f"{name}: no machine holds {count} of anything; lower it")
    return count


def _checked_seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbits(64)
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**64:
        raise ValueError(f"seed: expected an integer from 0 to 2**64 - 1 or None, got {seed!r}")
    return number


def _checked_extras(extra_fields: Mapping[str, Field]) -> dict[str, Field]:
    for name, field in extra_fields.items():
        if not isinstance(field, Field):
            raise ValueError(f"extra_fields[{name!r}]: expected a sharpwave.Field, got {field!r}")
        if not name.isidentifier() or name in _TAKEN:
            raise ValueError(f"extra_fields: {name!r} cannot be a field's name; choose another")
    return dict(extra_fields)
