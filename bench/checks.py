"""What every loop's result is held against before anything is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.workloads import GAMMA, N_STEP, Array, Loop, Rows, c51_exact, make_values, td_exact

Columns = Callable[[Any], dict[str, Array]]
ALPHA = 0.6
HEAVY, LIGHT = 10.0, 1.0  # the td errors that a prioritized buffer is filled with


def heavy(rows: Rows) -> Array:
    """Which rows have the larger td error: one in ten."""
    return rows.reward % 10 == 0


def initial_errors(rows: Rows) -> Array:
    return np.where(heavy(rows), HEAVY, LIGHT).astype(np.float32)


def check(
    operation: str,
    loop: Loop,
    columns: Columns,
    rows: Rows | None,
    keeps_final: bool,
    held: int | None = None,
) -> None:
    """By the operation's kind; ``held`` is how many of the rows a contender has, if not all."""
    kind = operation.split("/", maxsplit=1)[0]
    if kind in ("target", "double_target", "c51"):
        check_target(operation, np.asarray(loop(1)))
        return
    assert rows is not None
    if kind == "load":
        check_load(loop(1), len(rows))
        return
    if kind == "n_step":
        check_n_step(operation, columns(loop(1)), rows, keeps_final)
        return
    check_batch(operation, columns(loop(1)), rows, keeps_final)
    if kind == "prioritized":
        check_priorities(operation, loop, columns, rows, held)
    elif kind == "without_replacement":
        check_epoch(operation, loop, columns, rows)


def size_of(operation: str) -> int:
    """How many rows a batch has: ``64x80`` are 5,120."""
    return int(np.prod([int(part) for part in operation.split("/")[1].split("x")]))


def check_batch(
    operation: str, batch: dict[str, Any], rows: Rows, keeps_final: bool = True
) -> None:
    """Every row of the batch is, bit for bit, the stored row that its reward names.

    Of sequences, where the mask says that there is one; and those follow each other.
    """
    size = size_of(operation)
    if batch["reward"].size != size:
        raise AssertionError(f"{operation}: {size} rows asked for, {batch['reward'].size} came")
    drawn = np.asarray(batch.get("mask", np.ones(size, bool))).ravel()
    index = batch["reward"].ravel()[drawn].astype(np.int64)
    if "mask" in batch:
        check_order(operation, batch)
    for name, stored in vars(rows).items():
        if name not in batch:
            continue
        got, expected = batch[name].reshape(size, -1)[drawn], stored[index]
        if name == "next_obs" and not keeps_final:
            goes_on = ~(rows.terminated | rows.truncated)[index] & (index < len(rows) - 1)
            got, expected = got[goes_on], expected[goes_on]
        if not np.array_equal(got, expected.reshape(got.shape)):
            raise AssertionError(f"{operation}: {name} differs from what was stored")


def check_order(operation: str, batch: dict[str, Any]) -> None:
    mask, reward = batch["mask"], batch["reward"].reshape(batch["mask"].shape)
    both = mask[:, 1:] & mask[:, :-1]
    if not mask[:, 0].all() or np.any((np.diff(reward, axis=1) != 1) & both):
        raise AssertionError(f"{operation}: the steps of a sequence do not follow each other")


def check_n_step(
    operation: str, batch: dict[str, Any], rows: Rows, keeps_final: bool = True
) -> None:
    """Each row is found by its observation; its window by the definition, in float64."""
    start = find(batch["obs"], rows.obs)
    last, exact = windows(rows, start)
    seen = np.full(len(start), True)
    if not keeps_final:
        seen = ~(rows.terminated | rows.truncated)[last] & (last < len(rows) - 1)
    if not np.allclose(batch["reward"].ravel(), exact, rtol=1e-5):
        raise AssertionError(f"{operation}: the return of a window is wrong")
    for name, stored in (("next_obs", rows.next_obs), ("terminated", rows.terminated)):
        got = batch[name].reshape(len(start), -1)[seen]
        if not np.array_equal(got, stored[last[seen]].reshape(got.shape)):
            raise AssertionError(f"{operation}: {name} is not that of a window's last row")


def find(obs: Array, stored: Array) -> Array:
    """Where these rows are stored, by their first eight bytes, which no two share."""
    keys, wanted = (
        np.ascontiguousarray(rows[:, :2]).view(np.uint64)[:, 0] for rows in (stored, obs)
    )
    order = np.argsort(keys)
    found: Array = order[np.searchsorted(keys, wanted, sorter=order)]
    if not np.array_equal(stored[found], obs):
        raise AssertionError("an observation that was never stored")
    return found


def windows(rows: Rows, start: Array) -> tuple[Array, Array]:
    """The last row of each window, and the window's return."""
    ended = rows.terminated | rows.truncated
    last, exact = start.copy(), rows.reward[start].astype(np.float64)
    for step in range(1, N_STEP):
        goes_on = (last == start + step - 1) & ~ended[last] & (last + 1 < len(rows))
        last = last + goes_on
        exact = exact + np.where(goes_on, GAMMA**step * rows.reward[last], 0)
    return last, exact


def check_priorities(
    operation: str, loop: Loop, columns: Columns, rows: Rows, held: int | None = None
) -> None:
    """A tenth of the rows has larger priorities: as many of the draws fall on them as should.

    Each call gives those it drew new priorities: of all rows too few to matter. A batch of more is not
    looked at: smaller ones of the same buffer have been.
    """
    size = size_of(operation)
    calls = (held or len(rows)) // 300 // size
    if calls == 0:
        return
    drawn = [columns(loop(1))["reward"].ravel().astype(np.int64) for _ in range(calls)]
    share = heavy(rows)[np.concatenate(drawn)].mean()
    weight = (HEAVY / LIGHT) ** ALPHA
    expected = 0.1 * weight / (0.1 * weight + 0.9)
    if abs(share - expected) > 0.03 + 3 / np.sqrt(size * calls):
        raise AssertionError(
            f"{operation}: {share:.3f} of the draws fall on rows that should have {expected:.3f}"
        )


def check_epoch(operation: str, loop: Loop, columns: Columns, rows: Rows) -> None:
    """Within an epoch no row comes twice."""
    calls = max(1, min(50_000, len(rows) // 16) // size_of(operation))
    drawn = [columns(loop(1))["reward"].ravel() for _ in range(calls)]
    if len(np.unique(drawn)) != np.size(drawn):
        raise AssertionError(f"{operation}: a row was drawn twice in one epoch")


def check_load(loaded: int, rows: int) -> None:
    if loaded != rows:
        raise AssertionError(f"load: {rows} rows were saved, {loaded} came back")


def check_target(operation: str, out: Any) -> None:
    """Equal to float64 within 1e-6 of the value's size; within 1e-4 where float32 says where an atom moves."""
    name, shape, _ = operation.split("/")
    values = make_values(*map(int, shape.split("x")))
    exact = c51_exact(values) if name == "c51" else td_exact(name, values)
    worst = np.max(np.abs(out - exact) / np.maximum(1, np.abs(exact)))
    if not worst <= (1e-4 if name == "c51" else 1e-6):
        raise AssertionError(f"{operation}: off by {worst:.1e}")
