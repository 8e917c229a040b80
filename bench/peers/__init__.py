"""One module a contender, written as the contender's own documentation writes it.

Each module has ``label``, ``version()`` and what it can do of the following; a *loop* takes a number of
calls, makes them, and returns the last result, so that the timed code is the code on the page:

- ``make(buffer, rows)`` a buffer of the sort that a kind of `bench.kinds.KINDS` names, with all rows in it;
- ``columns(batch)`` a sampled batch under the names of `bench.workloads.Rows`, for the check;
- a function with the name of a kind, or of the kind's ``work``. ``add``, ``add_many`` and ``stacks_add``
  take ``(buffer, walk, action)`` and return a loop that adds one step of the walk a call; ``save`` and
  ``load`` take ``(buffer, path)``, and a loop of ``load`` returns how many rows came back; ``target``,
  ``double_target`` and ``c51`` take `bench.workloads.Values`; the others take ``(buffer, size)``. These
  return loops by form: ``arrays``, ``tensors``, and ``-read`` where fields are made only when asked for;
- ``lacks`` kinds that a function of the module is not for;
- ``MOST`` rows that it holds, where a million would take minutes to add;
- ``draws_ahead`` where threads of its own fill a queue between calls;
- ``loses_final`` the kinds in which what follows an episode's last row is not what was added: it is
  left out of the check.

A new contender is a module and a line here.
"""

from __future__ import annotations

MODULES = {
    "sharpwave": "bench.peers.sharpwave",
    "limit": "bench.limit",
    "sb3": "bench.peers.sb3",
    "sb3_extra": "bench.peers.sb3_extra",
    "cleanrl": "bench.peers.cleanrl",
    "rlox": "bench.peers.rlox",
    "cpprb": "bench.peers.cpprb",
    "tianshou": "bench.peers.tianshou",
    "torchrl": "bench.peers.torchrl",
    "rllib": "bench.peers.rllib",
    "flashbax": "bench.peers.flashbax",
    "reverb": "bench.peers.reverb",
    "numpy": "bench.peers.numpy_loop",
    "torch": "bench.peers.torch_eager",
}
OURS, LIMIT = "sharpwave", "limit"
# each row goes through much Python or a server: a quick run has them on one data set only
SLOW_TO_FILL = ("sb3_extra", "rllib", "reverb")
PEERS = tuple(name for name in MODULES if name not in (OURS, LIMIT))
