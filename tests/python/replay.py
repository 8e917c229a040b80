"""Everything that a pair's buffer gives back, judged by its model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from generators import stack
from model import Tree, map_tree
from model_hindsight import goals, relabelled, relabelled_rows
from model_sequences import sequence, starts
from pair import Pair, assert_same

import sharpwave as sw


def sample(pair: Pair, batch_size: int) -> None:
    """One batch: rows that are stored, each as the model has it."""
    if not pair.judge.drawable(set(pair.model.indices())):
        with pytest.raises(ValueError):
            pair.buffer.sample(batch_size)
        return
    batch = pair.buffer.sample(batch_size)
    columns = columns_of(batch)
    index = batch.index.tolist()
    wrong = set(index) - set(pair.model.indices())
    assert not wrong, f"drew rows {sorted(wrong)}, stored are {sorted(pair.model.indices())}"
    weight = columns.pop("weight") if pair.judge.weights else None
    rows = {row: pair.model.row(row) for row in set(index)}
    expected = [rows[row] for row in index]
    if pair.setup.hindsight is not None:
        expected = _relabel(pair, columns, expected)
    assert_same(columns, stack(expected))
    assert_float32(weight, (batch_size,))
    pair.judge.judge(index, weight)
    pair.keep(columns)
    pair.drawn.append(batch.index)


def sample_all(pair: Pair) -> None:
    """So many draws that a row which can be drawn is: missed with probability < 1e-12."""
    drawable = pair.judge.drawable(set(pair.model.indices()))
    if not drawable:
        return
    draws = 32 * len(pair.model)
    batch = pair.buffer.sample(draws)
    drawn = set(batch.index.tolist())
    pair.judge.judge(batch.index.tolist(), columns_of(batch).get("weight"))
    assert drawn <= drawable
    assert len(drawn) <= len(pair.model)
    if pair.model.is_settled():
        assert drawn >= pair.judge.certain(drawable, draws)
    elif len(drawn) == len(pair.model):
        pair.model.settle(drawn)
        pair.judge.changed()


def sample_sequences(pair: Pair, batch_size: int) -> None:
    """Sequences that begin where they may, and are rows of the model with nothing behind them."""
    if pair.setup.reservoir:
        return  # its rows have no neighbours
    rng = pair.rng
    length, burn_in = int(rng.integers(1, 7)), int(rng.choice([0, 0, 1, 3]))
    period = int(rng.choice([1, 1, 2, 3]))
    steps = burn_in + length
    eligible = pair.judge.drawable(starts(pair.model, burn_in, period))
    if not eligible:
        with pytest.raises(ValueError):
            pair.buffer.sample_sequences(batch_size, length, burn_in, period)
        return
    batch = pair.buffer.sample_sequences(batch_size, length, burn_in=burn_in, period=period)
    columns = columns_of(batch)
    begins = batch.index[:, 0].tolist()
    assert set(begins) <= eligible, f"began at {sorted(set(begins) - eligible)}"
    weight = columns.pop("weight") if pair.judge.weights else None
    expected = {begin: sequence(pair.model, begin, steps) for begin in set(begins)}
    assert_same(columns, stack([expected[begin] for begin in begins]))
    assert_float32(weight, (batch_size,))
    pair.judge.judge(begins, weight, eligible)
    pair.keep(columns)
    pair.drawn.append(batch.index)


def update_priorities(pair: Pair) -> None:
    """New priorities for rows of one of the latest batches; some may be gone since."""
    if not pair.judge.weights:
        return
    if not pair.model.is_settled():
        sample(pair, 8)  # of rows drawn earlier, chance has decided which are still there
    if not pair.drawn:
        return
    index = pair.drawn[-1 if not pair.model.is_settled() else pair.rng.integers(len(pair.drawn))]
    if index.ndim == 2:
        # The last steps of each sequence, but no fewer than leave one row of the shortest.
        steps = index.shape[1] - int(pair.rng.integers(min(3, (index >= 0).sum(axis=1).min())))
        td_error = random_errors(pair.rng, (len(index), steps))
    else:
        td_error = random_errors(pair.rng, index.shape)
    pair.buffer.update_priorities(index, td_error)
    pair.judge.update(index, td_error)


def bad_update(pair: Pair) -> None:
    """An update that must be refused; that it left nothing behind shows in what follows."""
    if not pair.judge.weights or not pair.model.indices():
        return
    good = pair.model.indices()
    never = max(pair.model.added) * pair.model.num_envs + int(pair.rng.integers(100))
    bad: list[tuple[list[int], list[float]]] = [
        ([*good, -1], [7.0] * (len(good) + 1)),
        ([*good, never], [7.0] * (len(good) + 1)),
        (good, [7.0] * (len(good) - 1) + [float("nan")]),
        (good, [float("inf")] + [7.0] * (len(good) - 1)),
        (good, [7.0] * (len(good) + 1)),
    ]
    index, td_error = bad[pair.rng.integers(len(bad))]
    with pytest.raises((ValueError, IndexError)):
        pair.buffer.update_priorities(index, td_error)


def set_beta(pair: Pair) -> None:
    if isinstance(pair.buffer.sampler, sw.Prioritized):
        pair.judge.beta = pair.buffer.sampler.beta = float(pair.rng.choice([0.0, 0.3, 1.0]))


def columns_of(batch: Any) -> dict[str, Tree]:
    return {name: batch[name] for name in batch.keys()}  # noqa: SIM118


def assert_float32(array: Any, shape: tuple[int, ...]) -> None:
    if array is not None:
        assert (array.dtype, array.shape) == (np.float32, shape)


def random_errors(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Of many sizes and both signs, and often none at all."""
    errors = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape)
    return np.where(rng.random(shape) < 0.15, 0.0, errors).astype("float32")


def _relabel(pair: Pair, columns: dict[str, Tree], rows: list[Tree]) -> list[Tree]:
    """The model's rows with the goals that the batch has in place of theirs, if they may be."""
    hindsight = pair.setup.hindsight
    expected, changed = [], 0
    for place, row in enumerate(rows):
        goal = columns["obs"]["desired_goal"][place]
        if np.array_equal(goal, row["obs"]["desired_goal"]):
            expected.append(row)
            continue
        allowed = goals(pair.model, int(row["index"]), hindsight.strategy)
        assert any(np.array_equal(goal, other) for other in allowed)
        expected.append(relabelled(pair.model, int(row["index"]), goal, hindsight.reward))
        changed += 1
    assert changed == relabelled_rows(len(rows), hindsight.k)
    return [map_tree(np.asarray, row) for row in expected]


def _horizon(buffer: sw.ReplayBuffer) -> tuple[int, float]:
    return buffer.n_step, buffer.gamma
