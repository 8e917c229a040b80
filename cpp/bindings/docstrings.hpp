#pragma once
// What help() shows for the methods that are attached without pybind11. The first line is the
// signature that inspect reads.

namespace sharpwave::bindings::doc {

inline constexpr const char* kAdd =
    R"(add($self, obs, action, reward, next_obs, terminated, truncated, info=None, *, env_ids=None, **extra)
--

Store one step of all environments, or of some.

Parameters
----------
obs, action, reward, next_obs, terminated, truncated
    What the step began with, what was done and what came of it, each with a leading axis of
    ``num_envs`` (or ``len(env_ids)``); with one environment that axis may be left out. Dict and
    Tuple observations are dicts and tuples of arrays. Values are copied; ``same_kind`` casts are
    made, and a value that an integer field cannot hold exactly is an error.
info : dict, optional
    The step's info. Read only with ``autoreset="same_step"``, for the final observations.
env_ids : sequence of int, optional
    The environments that the rows belong to, each at most once, in any order. Default: all.
**extra
    One value for each of the buffer's ``extra_fields``.

Raises
------
ValueError
    A wrong shape, a value that its field cannot hold, a bad ``env_ids``.
KeyError
    A field that is missing or unknown.

Examples
--------
>>> import sharpwave as sw
>>> buffer = sw.ReplayBuffer(
...     100, observation_space=sw.Field((2,), "float32"), action_space=sw.Field((), "int64"), seed=0
... )
>>> buffer.add([0.0, 1.0], 1, 0.5, [2.0, 3.0], False, False)
>>> len(buffer)
1
)";

inline constexpr const char* kExtend =
    R"(extend($self, obs, action, reward, next_obs, terminated, truncated, *, env_ids=None, **extra)
--

Store many consecutive steps at once.

Parameters
----------
obs, action, reward, next_obs, terminated, truncated, **extra
    As for :meth:`add`, with leading axes ``(T, num_envs)`` or ``(T, len(env_ids))``; with one
    environment ``(T,)`` will do. ``next_obs`` is the true successor of every row, the final
    observation where an episode ended.
env_ids : sequence of int, optional
    The environments of the second axis. Default: all.

Raises
------
ValueError
    As for :meth:`add`; then nothing was stored.
KeyError
    As for :meth:`add`.

Examples
--------
>>> import numpy as np, sharpwave as sw
>>> buffer = sw.ReplayBuffer(
...     100, observation_space=sw.Field((), "int64"), action_space=sw.Field((), "int64"), seed=0
... )
>>> t = np.arange(5)
>>> buffer.extend(t, t, t, t + 1, t == 4, np.zeros(5, bool))
>>> buffer["obs"]
array([0, 1, 2, 3, 4])
)";

inline constexpr const char* kSample =
    R"(sample($self, batch_size=None, out=None)
--

Draw a batch of stored transitions.

Parameters
----------
batch_size : int
    How many rows to draw, at least 1. May be left out with ``out``.
out : Batch, optional
    A batch of this buffer to be filled again in place, whoever else looks at its arrays. Without
    it the batch is nobody else's.

Returns
-------
Batch
    Arrays of shape ``(batch_size, *field)``: ``obs, action, reward, next_obs, terminated,
    truncated, discount, index``, with a prioritized sampler ``weight``, and the extra fields. The
    batch owns its memory: nothing in it
    ever changes while any part of it is held.

Raises
------
ValueError
    The buffer is empty, ``batch_size`` is not a positive integer, or ``out`` is not a batch that
    this buffer returned.

Examples
--------
>>> import sharpwave as sw
>>> buffer = sw.ReplayBuffer(
...     100, observation_space=sw.Field((2,), "float32"), action_space=sw.Field((), "int64"), seed=0
... )
>>> buffer.add([0.0, 1.0], 1, 0.5, [2.0, 3.0], True, False)
>>> batch = buffer.sample(3)
>>> batch.next_obs.shape, batch.discount
((3, 2), array([0., 0., 0.], dtype=float32))
)";

inline constexpr const char* kSampleSequences =
    R"(Draw sequences of consecutive rows of one episode.

Parameters
----------
batch_size : int
    How many sequences.
length : int
    Steps to learn from.
burn_in : int
    Steps before them, to bring a recurrent state up to date.
period : int
    Sequences begin at every ``period``-th step of an episode.

Returns
-------
Batch
    Arrays of shape ``(batch_size, burn_in + length, *field)``; element ``(b, j)`` is what
    :meth:`sample` gives for that row. Behind an episode's end, or the newest row, come zeros with
    ``mask`` False and ``index`` -1. ``weight`` has shape ``(batch_size,)``.

Raises
------
ValueError
    An argument below its range, an empty buffer, or no episode longer than ``burn_in``.

Notes
-----
The sampler draws where sequences begin; rows with nothing to learn from behind the burn-in do not
count (Kapturowski et al. 2019).

Examples
--------
>>> import sharpwave as sw
>>> buffer = sw.ReplayBuffer(
...     100, observation_space=sw.Field(), action_space=sw.Field((), "int64"), seed=0
... )
>>> buffer.extend([0, 1, 2], [0, 0, 0], [1, 1, 1], [1, 2, 3], [False, False, True], [False] * 3)
>>> batch = buffer.sample_sequences(1, 4, period=3)
>>> batch.obs, batch.mask
(array([[0., 1., 2., 0.]], dtype=float32), array([[ True,  True,  True, False]]))
)";

inline constexpr const char* kRows =
    R"(Return the transitions of these names, as :meth:`sample` gives them.

Parameters
----------
index : ndarray of int64, shape (B,)
    As in ``batch.index``.
n_step : int, optional
    How many steps a window has at most, in place of the buffer's ``n_step``; with 1 the rows are
    the transitions as they were added.

Raises
------
ValueError
    A transition that is not stored (any more), or an ``n_step`` below 1.

Examples
--------
>>> import sharpwave as sw
>>> buffer = sw.ReplayBuffer(
...     100, observation_space=sw.Field(), action_space=sw.Field((), "int64"), seed=0
... )
>>> buffer.extend([0, 1], [0, 0], [1, 2], [1, 2], [False, True], [False, False])
>>> buffer.rows([1, 0]).reward
array([2., 1.], dtype=float32)
)";

inline constexpr const char* kUpdatePriorities =
    R"(update_priorities($self, index, td_error)
--

Give transitions new priorities, ``(abs(td_error) + eps) ** alpha``.

Parameters
----------
index : ndarray of int64, shape (B,) or (B, T)
    ``batch.index``. A transition that has been overwritten since is left alone; of one that is
    named twice the last value counts.
td_error : array of float, shape (B,), (B, T) or (B, length)
    Of a batch of sequences, those of the last steps: a sequence begins with the priority
    ``eta * max + (1 - eta) * mean`` of their absolute values, padding left out.

Raises
------
ValueError
    An index that was never handed out, a value that is not finite, shapes that do not fit, or a
    sampler without priorities; then nothing has changed.

Examples
--------
>>> import sharpwave as sw
>>> buffer = sw.ReplayBuffer(
...     100, observation_space=sw.Field(), action_space=sw.Field(), sampler=sw.Prioritized(), seed=0
... )
>>> buffer.add(0.0, 0.0, 0.0, 1.0, False, False)
>>> batch = buffer.sample(2)
>>> buffer.update_priorities(batch.index, [0.5, 0.25])
>>> batch.weight
array([1., 1.], dtype=float32)
)";

}  // namespace sharpwave::bindings::doc
