"""One module a contender, written as the contender's own documentation writes it.

Each module has ``label``, ``version()`` and what it can do of the following; a *loop* takes a number of
calls, makes them, and returns the last result, so that the timed code is the code on the page:

- ``make(buffer, rows)`` a buffer of the sort that `bench.workloads.KINDS` names, with all rows in it;
- ``columns(batch)`` a sampled batch under the names of `bench.workloads.Rows`, for the check;
- a function with the name of a kind. ``add`` and ``stacks_add`` take ``(buffer, walk, action)`` and
  return a loop that adds one transition a call; the others take ``(buffer, size)`` and return loops by
  the form of what comes out: ``arrays``, ``tensors``, and ``-read`` where fields are made only when
  they are asked for;
- ``td(values)`` loops for ``target`` and ``double_target`` by the form of what goes in;
- ``loses_final`` the kinds in which what follows an episode's last row is not what was added: it is
  left out of the check.
"""
