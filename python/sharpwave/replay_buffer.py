"""ReplayBuffer: arguments and spaces in, the compiled buffer underneath."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sharpwave import _core, checkpoint, imports
from sharpwave._bounds import bounds_of
from sharpwave._casting import cast
from sharpwave._checks import (
    check_kind,
    checked_count,
    checked_extras,
    checked_gamma,
    checked_sampler,
    checked_seed,
    frames,
    single,
)
from sharpwave._fork import watch
from sharpwave.autoreset import MODES, mode_of, true_next_obs
from sharpwave.batch import Batch
from sharpwave.errors import CheckpointError
from sharpwave.field import Field
from sharpwave.hindsight import Hindsight
from sharpwave.prefetch import prefetch as _prefetch
from sharpwave.samplers import Recency, Reservoir, Sampler
from sharpwave.spaces import FieldTree, fields_of
from sharpwave.stats import Stats

_Self = TypeVar("_Self", bound="ReplayBuffer")

# What __init__ sets, and a saved buffer's settings say.
_OWN = {"frame_stack", "insertion", "hindsight", "sampler", "autoreset", "seed", "fields"}


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
    sampler : Uniform, Prioritized, RankPrioritized, WithoutReplacement or Recency
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
        check_kind("insertion", insertion, Reservoir)
        check_kind("hindsight", hindsight, Hindsight)
        if insertion is not None and isinstance(sampler, Recency):
            raise ValueError(
                "sampler: Recency wants the newest rows, which a Reservoir does not keep"
            )
        self.frame_stack = frame_stack
        self.insertion = insertion
        self.hindsight = hindsight
        self.sampler = checked_sampler(sampler)
        self.autoreset = autoreset
        self.seed = checked_seed(seed)
        obs = fields_of(observation_space, "observation_space")
        action = fields_of(action_space, "action_space")
        extras = checked_extras(extra_fields or {})
        self.fields: tuple[FieldTree, FieldTree, dict[str, Field]] = (obs, action, extras)
        self._bounds = bounds_of(observation_space, "obs") | bounds_of(action_space, "action")
        super().__init__(
            capacity=checked_count("capacity", capacity),
            obs=obs,
            action=action,
            extra_fields=extras,
            frames=frames(obs, frame_stack),
            num_envs=checked_count("num_envs", num_envs),
            n_step=checked_count("n_step", n_step),
            gamma=checked_gamma(gamma),
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
            observation_space=single(env, "observation_space"),
            action_space=single(env, "action_space"),
            **options,
        )

    @classmethod
    def from_arrays(
        cls: type[_Self],
        obs: Any,
        action: Any,
        reward: Any,
        terminated: Any,
        truncated: Any,
        next_obs: Any = None,
        *,
        capacity: int | None = None,
        observation_space: Any = None,
        action_space: Any = None,
        extra: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> _Self:
        """Make a buffer of one stream of transitions in arrays, as most data sets have them.

        Parameters
        ----------
        obs, action, reward, terminated, truncated : arrays of T rows
            ``obs`` and ``action`` may be nested in dicts and tuples. Without ``next_obs``, ``obs``
            may have T + 1 rows, the last one being the last row's successor.
        next_obs : arrays of T rows, optional
            True successors. Without them the successor is the next row's obs. Where an episode was
            truncated that one belongs to another episode: the truncated row is left out, and the
            row before it ends its window, with the obs of the row left out as its successor. A
            terminated row has its own obs as next_obs, which no target uses.
        capacity : int, optional
            Default: T.
        observation_space, action_space : optional
            As for the class. Default: fields of the arrays' shapes and dtypes.
        extra : mapping of str to array, optional
            Further columns.
        **options
            As for the class.

        Raises
        ------
        ValueError
            Arrays of different lengths, or values that do not fit the spaces.

        Examples
        --------
        >>> import numpy as np, sharpwave as sw
        >>> buffer = sw.ReplayBuffer.from_arrays(
        ...     obs=np.arange(5.0), action=np.zeros(4), reward=np.ones(4),
        ...     terminated=[False, False, False, True], truncated=[False, True, False, False],
        ... )
        >>> buffer["obs"]
        array([0., 2., 3.])
        """
        fields = {name: imports.fields_like(values, name) for name, values in (extra or {}).items()}
        buffer = cls(
            max(len(terminated), 1) if capacity is None else capacity,
            observation_space=observation_space or imports.fields_like(obs, "obs"),
            action_space=action_space or imports.fields_like(action, "action"),
            extra_fields=fields,
            **options,
        )
        imports.extend_with(
            buffer, obs, action, reward, terminated, truncated, next_obs, dict(extra or {})
        )
        return buffer

    @classmethod
    def from_minari(
        cls: type[_Self], dataset: Any, *, capacity: int | None = None, **options: Any
    ) -> _Self:
        """Make a buffer of a Minari dataset: every step of every episode, in order.

        Parameters
        ----------
        dataset : minari.MinariDataset
        capacity : int, optional
            Default: the dataset's steps.
        **options
            As for the class; spaces are the dataset's.

        Raises
        ------
        ValueError
            A space that has no columns, such as Text.
        """
        options.setdefault("observation_space", dataset.observation_space)
        options.setdefault("action_space", dataset.action_space)
        buffer = cls(int(dataset.total_steps) if capacity is None else capacity, **options)
        for episode in dataset.iterate_episodes():
            imports.extend_with_episode(buffer, episode)
        return buffer

    def to_minari(self, dataset_id: str, **metadata: Any) -> Any:
        """Write what is stored as a Minari dataset.

        Parameters
        ----------
        dataset_id : str
            As Minari has them: ``"mine/first-v0"``.
        **metadata
            Further arguments of ``minari.create_dataset_from_buffers``. ``observation_space`` and
            ``action_space`` are by default all that the buffer's fields can hold.

        Returns
        -------
        minari.MinariDataset

        Raises
        ------
        ValueError
            An empty buffer.

        Notes
        -----
        Rows that hang together make an episode; the oldest one may have lost its beginning. Extra
        fields are left out.
        """
        from minari import create_dataset_from_buffers
        from minari.data_collector import EpisodeBuffer

        if len(self) == 0:
            raise ValueError("the buffer is empty: there is nothing to write")
        obs, action, _ = self.fields
        metadata.setdefault("observation_space", imports.space_of(obs))
        metadata.setdefault("action_space", imports.space_of(action))
        episodes = [EpisodeBuffer(id=k, **rows) for k, rows in enumerate(imports.episodes_of(self))]
        return create_dataset_from_buffers(dataset_id, episodes, **metadata)

    prefetch = _prefetch

    @property
    def n_step(self) -> int:
        """How many steps a window has at most. Setting it takes effect with the next batch."""
        return self._n_step

    @n_step.setter
    def n_step(self, n_step: int) -> None:
        self._n_step = checked_count("n_step", n_step)

    @property
    def gamma(self) -> float:
        """The discount of one step. Setting it takes effect with the next batch."""
        return self._gamma

    @gamma.setter
    def gamma(self, gamma: float) -> None:
        self._gamma = checked_gamma(gamma)

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
        checkpoint.write(Path(path), checkpoint.settings_of(self), self)

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

    @classmethod
    def _made(cls: type[_Self], settings: Mapping[str, Any], hindsight: Hindsight | None) -> _Self:
        """Return an empty buffer of these settings, whatever arguments a subclass takes."""
        buffer = cls.__new__(cls)
        ReplayBuffer.__init__(buffer, hindsight=hindsight, **checkpoint.arguments_from(settings))
        return buffer

    def __reduce__(self) -> tuple[Any, ...]:
        segments, contents = self._dump()
        made = (type(self), checkpoint.settings_of(self), self.hindsight, segments, contents)
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
