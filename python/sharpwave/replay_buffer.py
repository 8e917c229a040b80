"""ReplayBuffer: arguments and spaces in, the compiled buffer underneath."""

from __future__ import annotations

import operator
import os
import secrets
from collections.abc import Mapping
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sharpwave import _core, checkpoint
from sharpwave._bounds import bounds_of
from sharpwave._casting import cast
from sharpwave._fork import watch
from sharpwave.autoreset import MODES, mode_of, true_next_obs
from sharpwave.batch import Batch
from sharpwave.errors import CheckpointError
from sharpwave.field import Field
from sharpwave.hindsight import Hindsight
from sharpwave.samplers import (
    Prioritized,
    Recency,
    Reservoir,
    Sampler,
    Uniform,
    WithoutReplacement,
)
from sharpwave.spaces import FieldTree, fields_of, leaves_of
from sharpwave.stats import Stats

_Self = TypeVar("_Self", bound="ReplayBuffer")

# Names that a batch or a call already has.
_TAKEN = {
    "obs", "action", "reward", "next_obs", "terminated", "truncated", "discount", "index",
    "weight", "mask", "info", "env_ids", "self", *(name for name in dir(Batch)),
}  # fmt: skip

# What __init__ sets, and a saved buffer's settings say.
_OWN = {"frame_stack", "insertion", "hindsight", "sampler", "autoreset", "seed", "_fields"}

_LARGEST = 2**63 - 1
_LARGEST_STACK = 64
_SAMPLERS = (Uniform, Prioritized, WithoutReplacement, Recency)


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
    n_step : int
        Steps of a window: ``reward`` is their discounted sum and ``next_obs`` the last one's
        successor. Windows end early at terminations, truncations, cuts and the newest row, and
        ``discount`` says where. May be set at any time, like ``gamma``.
    gamma : float
        The discount of one step, from 0 to 1.
    sampler : Uniform, Prioritized, WithoutReplacement or Recency
        How rows are drawn. The buffer keeps a copy.
    frame_stack : int, optional
        Observations are stacks of so many frames along axis 0: each frame is stored once, and
        stacks are rebuilt bit for bit, whatever their padding. In a Dict or Tuple observation the
        leaves with two axes or more and that first extent are stacks.
    autoreset : {None, "next_step", "same_step", "disabled"}
        What the vector environment does at the end of an episode, in Gymnasium's words.
        ``next_step``: the row after an end is the reset and is not stored. ``same_step``: the true
        successor of an ended row is taken from ``info``. Otherwise rows are stored as they come.
    extra_fields : mapping of str to Field
        Further columns, passed to :meth:`add` by name.
    insertion : Reservoir, optional
        What stays when the buffer is full. Default: the latest rows.
    hindsight : Hindsight, optional
        Relabel goals at sampling time, for Dict observations with ``achieved_goal`` and
        ``desired_goal``.
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
        n_step: int = 1,
        gamma: float = 0.99,
        sampler: Sampler | None = None,
        frame_stack: int | None = None,
        autoreset: str | None = None,
        extra_fields: Mapping[str, Field] | None = None,
        insertion: Reservoir | None = None,
        hindsight: Hindsight | None = None,
        seed: int | None = None,
    ) -> None:
        if autoreset not in (None, *MODES):
            raise ValueError(f"autoreset: expected None or one of {MODES}, got {autoreset!r}")
        _check_kind("insertion", insertion, Reservoir)
        _check_kind("hindsight", hindsight, Hindsight)
        if insertion is not None and isinstance(sampler, Recency):
            raise ValueError(
                "sampler: Recency wants the newest rows, which a Reservoir does not keep"
            )
        self.frame_stack = frame_stack
        self.insertion = insertion
        self.hindsight = hindsight
        self.sampler = _checked_sampler(sampler)
        self.autoreset = autoreset
        self.seed = _checked_seed(seed)
        obs = fields_of(observation_space, "observation_space")
        action = fields_of(action_space, "action_space")
        extras = _checked_extras(extra_fields or {})
        self._fields = (obs, action, extras)
        self._bounds = bounds_of(observation_space, "obs") | bounds_of(action_space, "action")
        super().__init__(
            capacity=_checked_count("capacity", capacity),
            obs=obs,
            action=action,
            extra_fields=extras,
            frames=_frames(obs, frame_stack),
            num_envs=_checked_count("num_envs", num_envs),
            n_step=_checked_count("n_step", n_step),
            gamma=_checked_gamma(gamma),
            sampler=self.sampler,
            is_reservoir=insertion is not None,
            skip_resets=autoreset == "next_step",
            seed=self.seed,
            batch_type=Batch,
            cast=cast,
            final_obs=partial(true_next_obs, obs) if autoreset == "same_step" else None,
            hindsight=hindsight,
            rewards=None if hindsight is None else hindsight.rewards,
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

    @property
    def n_step(self) -> int:
        """How many steps a window has at most. Setting it takes effect with the next batch."""
        return self._n_step

    @n_step.setter
    def n_step(self, n_step: int) -> None:
        self._n_step = _checked_count("n_step", n_step)

    @property
    def gamma(self) -> float:
        """The discount of one step. Setting it takes effect with the next batch."""
        return self._gamma

    @gamma.setter
    def gamma(self, gamma: float) -> None:
        self._gamma = _checked_gamma(gamma)

    def stats(self) -> Stats:
        """Say what the memory is spent on, what is stored, and what a batch would be made of.

        Returns
        -------
        Stats
            Numbers; ``print`` shows a table.

        Notes
        -----
        Draws nothing and changes nothing. It looks at every row's priority or age once, and other
        threads wait for it meanwhile: a matter of milliseconds for a million rows.

        Examples
        --------
        >>> import sharpwave as sw
        >>> buffer = sw.ReplayBuffer(
        ...     100, observation_space=sw.Field((4,)), action_space=sw.Field((), "int64"), seed=0
        ... )
        >>> buffer.add([0.0] * 4, 1, 1.0, [1.0] * 4, True, False)
        >>> stats = buffer.stats()
        >>> stats.stored, stats.episodes, stats.bytes["obs"]
        (1, 1, 1600)
        >>> sum(stats.bytes.values()) == buffer.nbytes
        True
        """
        return Stats(**self._stats())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the buffer to a folder: rows, priorities, cursors, generator, everything.

        Parameters
        ----------
        path : str or path-like
            A new or empty folder, or one that an earlier save made, which is replaced in one step:
            a crash at any moment leaves one of the two whole. One process at a time may save there.

        Raises
        ------
        FileExistsError
            A folder with other things in it.
        OSError
            What the file system says; what was saved before is still there.

        Examples
        --------
        >>> import sharpwave as sw, tempfile
        >>> buffer = sw.ReplayBuffer(
        ...     100, observation_space=sw.Field(), action_space=sw.Field(), seed=0
        ... )
        >>> buffer.add(0.0, 1.0, 0.5, 2.0, False, False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     buffer.save(folder)
        ...     again = sw.ReplayBuffer.load(folder)
        >>> bool((again.sample(8).obs == buffer.sample(8).obs).all())
        True
        """
        checkpoint.write(Path(path), self._settings(), self)

    @classmethod
    def load(
        cls: type[_Self], path: str | os.PathLike[str], *, hindsight: Hindsight | None = None
    ) -> _Self:
        """Load what :meth:`save` wrote: the same samples and evictions follow, bit for bit.

        Parameters
        ----------
        path : str or path-like
            The folder.
        hindsight : Hindsight, optional
            For a buffer that had one: its reward function cannot be saved.

        Raises
        ------
        CheckpointError
            A folder that is damaged or no saved buffer. Nothing in it is ever executed.
        ValueError
            A saved buffer with hindsight, and none is given, or the other way round.
        """
        settings, segments, folder = checkpoint.read(Path(path))
        if settings["hindsight"] != (hindsight is not None):
            raise ValueError(
                f"hindsight: the buffer saved in {os.fspath(path)} was made "
                f"{'with' if settings['hindsight'] else 'without'} one; "
                "pass load() the same, as its reward function is not saved"
            )
        try:
            buffer = cls._made(settings, hindsight)
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: its settings make no buffer: {error}") from error
        buffer._restore(segments, str(folder))
        return buffer

    def _settings(self) -> dict[str, Any]:
        obs, action, extras = self._fields
        return {
            "capacity": self.capacity,
            "obs": checkpoint.described_fields(obs),
            "action": checkpoint.described_fields(action),
            "extra_fields": checkpoint.described_fields({**extras}),
            "num_envs": self.num_envs,
            "sampler": checkpoint.described_sampler(self.sampler),
            "frame_stack": self.frame_stack,
            "autoreset": self.autoreset,
            "reservoir": self.insertion is not None,
            "hindsight": self.hindsight is not None,
            "seed": self.seed,
        }

    @classmethod
    def _made(cls: type[_Self], settings: Mapping[str, Any], hindsight: Hindsight | None) -> _Self:
        """Return an empty buffer of these settings, whatever arguments a subclass takes."""
        extras = checkpoint.fields_from(settings["extra_fields"])
        assert isinstance(extras, dict)
        buffer = cls.__new__(cls)
        ReplayBuffer.__init__(
            buffer,
            settings["capacity"],
            observation_space=checkpoint.fields_from(settings["obs"]),
            action_space=checkpoint.fields_from(settings["action"]),
            num_envs=settings["num_envs"],
            sampler=checkpoint.sampler_from(settings["sampler"]),
            frame_stack=settings["frame_stack"],
            autoreset=settings["autoreset"],
            extra_fields={
                name: field for name, field in extras.items() if isinstance(field, Field)
            },
            insertion=Reservoir() if settings["reservoir"] else None,
            hindsight=hindsight,
            seed=settings["seed"],
        )
        return buffer

    def __reduce__(self) -> tuple[Any, ...]:
        segments, contents = self._dump()
        made = (type(self), self._settings(), self.hindsight, segments, contents)
        own = {name: value for name, value in vars(self).items() if name not in _OWN}
        return _from_dump, made, own or None

    def __repr__(self) -> str:
        return (
            f"ReplayBuffer({len(self)} of {self.capacity} transitions, num_envs={self.num_envs}, "
            f"sampler={self.sampler}, {self.nbytes / 2**20:.1f} MiB)"
        )


def _from_dump(
    cls: type[_Self],
    settings: Mapping[str, Any],
    hindsight: Hindsight | None,
    segments: checkpoint.Segments,
    contents: list[bytes],
) -> _Self:
    buffer = cls._made(settings, hindsight)
    buffer._restore_dump(segments, contents)
    return buffer


def _single(env: Any, name: str) -> Any:
    return getattr(env, f"single_{name}", None) or getattr(env, name)


def _checked_sampler(sampler: Sampler | None) -> Sampler:
    if sampler is None:
        return Uniform()
    if type(sampler) not in _SAMPLERS:
        names = ", ".join(f"sharpwave.{kind.__name__}()" for kind in _SAMPLERS)
        raise ValueError(f"sampler: expected one of {names}, got {sampler!r}")
    return copy(sampler)


def _check_kind(name: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"{name}: expected a sharpwave.{kind.__name__} or None, got {value!r}")


def _checked_gamma(gamma: float) -> float:
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma: expected a number from 0 to 1, got {gamma!r}")
    return float(gamma)


def _frames(obs: FieldTree, frame_stack: int | None) -> list[int]:
    """Return for each leaf of the observation how many frames it stacks, 0 for none."""
    fields = leaves_of(obs)
    if frame_stack is None:
        return [0] * len(fields)
    depth = _checked_count("frame_stack", frame_stack)
    if depth > _LARGEST_STACK:
        raise ValueError(f"frame_stack: expected at most {_LARGEST_STACK} frames, got {depth}")
    least = 1 if len(fields) == 1 else 2
    stacks = [
        len(f.shape) >= least and f.shape[0] == depth and f.store_as != "bits" for f in fields
    ]
    if not any(stacks):
        shapes = ", ".join(str(field.shape) for field in fields)
        raise ValueError(
            f"frame_stack: expected observations that are stacks of {depth} frames along axis 0, "
            f"got {shapes}; stack them before adding (gymnasium.wrappers.FrameStackObservation)"
        )
    return [depth if is_stack else 0 for is_stack in stacks]


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
