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
ValueError, KeyError
    As for :meth:`add`; then nothing was stored.

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
    R"(sample($self, batch_size)
--

Draw a batch of stored transitions.

Parameters
----------
batch_size : int
    How many rows to draw, at least 1.

Returns
-------
Batch
    Arrays of shape ``(batch_size, *field)``: ``obs, action, reward, next_obs, terminated,
    truncated, discount, index`` and the extra fields. The batch owns its memory: nothing in it
    ever changes while any part of it is held.

Raises
------
ValueError
    The buffer is empty, or ``batch_size`` is not a positive integer.

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

}  // namespace sharpwave::bindings::doc
