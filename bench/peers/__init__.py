"""One module a contender, written as the contender's own documentation writes it.

Each module has ``label``, ``version()`` and what it can do of the following; a *loop* takes a number of
calls, makes them, and returns the last result, so that the timed code is the code on the page:

- ``make(capacity, obs_dim, action_dim)`` an empty buffer, and ``fill(buffer, rows)`` to write all rows;
- ``add(buffer, action)`` a loop that adds one transition a call;
- ``sample(buffer, size)`` loops by the form of what comes out: ``arrays``, ``tensors``, and ``-read``
  where fields are made only when they are asked for;
- ``columns(batch)`` a sampled batch under the names of `bench.workloads.Rows`, for the check;
- ``td(values)`` loops for ``target`` and ``double_target`` by the form of what goes in.
"""
