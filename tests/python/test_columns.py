"""Columns: what is put at a place is what is taken from there."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from sharpwave import Field
from sharpwave.columns import Columns
from sharpwave.draws import integers

FIELDS = {
    "obs": Field((3,), "float32"),
    "screen": Field((20, 20), "uint8"),
    "half": Field((2,), "float32", store_as="float16"),
    "action": Field((), "int64"),
    "done": Field(),
}


def filled(rows: int = 100) -> tuple[Columns, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    columns = Columns(FIELDS, rows)
    values = {
        "obs": rng.normal(size=(rows, 3)).astype("float32"),
        "screen": rng.integers(0, 256, (rows, 20, 20), "uint8"),
        "half": rng.normal(size=(rows, 2)).astype("float16").astype("float32"),
        "action": rng.integers(-(2**60), 2**60, rows),
        "done": rng.normal(size=rows).astype("float32"),
    }
    for first, count in ((0, 1), (1, 6), (7, rows - 7)):
        columns.put(first, count, *(value[first : first + count] for value in values.values()))
    return columns, values


@pytest.mark.parametrize("count", [1, 31, 32, 33, 500])
def test_rows_are_taken_as_they_were_put_in_any_order_and_more_than_once(count) -> None:
    columns, values = filled()
    rows = np.random.default_rng(count).integers(0, 100, count)
    taken = columns.take(rows)
    assert list(taken) == list(FIELDS)
    for name, value in values.items():
        assert taken[name].dtype == value.dtype
        assert (taken[name] == value[rows]).all(), name


@pytest.mark.parametrize("alone", [(), ("done",), ("obs", "screen", "half", "action")])
def test_scattered_rows_are_those_that_numpy_would_write(alone) -> None:
    rng = np.random.default_rng(5)
    columns = Columns(FIELDS, 50, alone=alone)
    plain = {name: columns[name].copy() for name in FIELDS}
    for count in (1, 3, 40, 200):  # of equal rows the last one counts
        rows = rng.integers(0, 50, count)
        values = [
            rng.integers(0, 9, (count, *field.shape)).astype(field.dtype)
            for field in FIELDS.values()
        ]
        columns.scatter(rows if count > 3 else rows.tolist(), *values)
        for name, value in zip(FIELDS, values, strict=True):
            plain[name][rows] = value
            assert (columns[name] == plain[name]).all(), name
    taken = columns.take(np.arange(50))
    assert all((taken[name] == plain[name]).all() for name in FIELDS)


def test_a_column_alone_is_contiguous_and_stays_so_in_a_copy() -> None:
    columns = Columns(FIELDS, 10, alone=("action", "screen"))
    for each in (columns, copy.deepcopy(columns)):
        assert each["action"].flags.c_contiguous
        assert each["screen"].flags.c_contiguous
        assert not each["done"].flags.c_contiguous
    with pytest.raises(KeyError, match="'rew' is not a column"):
        Columns(FIELDS, 10, alone=("rew",))


@pytest.mark.parametrize("value", [3, 2.5, np.float32(0.1), np.int64(7), -1.0, float("nan")])
def test_single_numbers_are_put_into_float64_as_numpy_puts_them(value) -> None:
    columns = Columns({"x": Field((), "float64")}, 3)
    columns.put(1, 1, value)
    np.testing.assert_array_equal(columns["x"], [0.0, np.float64(value), 0.0])


def test_some_columns_can_be_taken_alone() -> None:
    columns, values = filled()
    rows = np.array([3, 99, 3])
    taken = columns.take(rows, ("screen", "action"))
    assert list(taken) == ["screen", "action"]
    assert (taken["screen"] == values["screen"][rows]).all()
    assert (taken["action"] == values["action"][rows]).all()
    with pytest.raises(KeyError, match="nothing"):
        columns.take(rows, ("nothing",))


def test_views_are_live_and_writable() -> None:
    columns, values = filled()
    view = columns["obs"]
    assert view.shape == (100, 3)
    assert (view == values["obs"]).all()
    view[5] = [1.0, 2.0, 3.0]
    assert (columns.take(np.array([5]))["obs"] == [[1.0, 2.0, 3.0]]).all()
    columns.put(5, 1, [4.0, 5.0, 6.0], np.zeros((20, 20), "uint8"), [0.0, 0.0], 1, 0.0)
    assert (view[5] == [4.0, 5.0, 6.0]).all()
    assert (columns["half"].dtype, columns["screen"].shape) == (np.float16, (100, 20, 20))


def test_pickled_and_copied_columns_are_the_same() -> None:
    columns, _ = filled()
    for other in (pickle.loads(pickle.dumps(columns)), copy.deepcopy(columns)):
        for name in FIELDS:
            assert (other[name] == columns[name]).all()
        other["obs"][:] = 0
    assert columns["obs"].any()


def test_what_was_taken_is_nobody_elses() -> None:
    columns, _ = filled()
    taken = columns.take(np.arange(10))
    kept = taken["obs"].copy()
    view = taken["obs"][2:]
    del taken
    for _ in range(20):
        columns.take(np.arange(10, 20))
    assert (view == kept[2:]).all()


def test_a_view_outlives_its_table() -> None:
    columns, values = filled()
    view = columns["screen"]
    del columns
    assert (view == values["screen"]).all()


@pytest.mark.parametrize("rows", [[-1], [100], [0, 2**40]])
def test_a_row_that_is_not_there_is_an_error(rows) -> None:
    columns, _ = filled()
    with pytest.raises(ValueError, match="expected rows from 0 to 99"):
        columns.take(rows)


def test_a_refused_put_changes_nothing() -> None:
    columns, values = filled()
    with pytest.raises(ValueError, match="action: expected"):
        columns.put(0, 1, np.ones(3, "f4"), np.ones((20, 20), "u1"), [1.0, 1.0], 0.5, 0.0)
    with pytest.raises(ValueError, match="expected rows from 0 to 99, got 100"):
        columns.put(99, 2, *(value[:2] for value in values.values()))
    with pytest.raises(ValueError, match="expected 5 values"):
        columns.put(0, 1, 1.0)
    three = [value[:3] for value in values.values()]
    for rows, given, message in (
        ([0, 1, 100], three, "expected rows from 0 to 99, got 100"),
        ([0, -1, 2], three, "expected rows from 0 to 99, got -1"),
        ([0, 1], three, "obs: expected shape"),
        ([5, 6, 7], [*three[:3], [0.5, 1, 1], three[4]], "action: expected"),
        ([1], three[:2], "expected 5 values"),
        ([[1]], three, "one-dimensional"),
    ):
        with pytest.raises(ValueError, match=message):
            columns.scatter(rows, *given)
    for name, value in values.items():
        assert (columns[name] == value).all()


def test_an_unknown_column_is_named() -> None:
    columns, _ = filled()
    with pytest.raises(KeyError, match="'reward' is not a column"):
        columns["reward"]


def test_integers_follow_the_seed_of_numpy() -> None:
    np.random.seed(3)
    first, second = integers(1000, 50), integers(1000, 50)
    np.random.seed(3)
    assert (integers(1000, 50) == first).all()
    assert (first != second).any()
    assert set(integers(3, 200).tolist()) == {0, 1, 2}
    with pytest.raises(ValueError, match="at least 1"):
        integers(0, 3)


@pytest.mark.parametrize("environments", [1, 3])
def test_n_step_windows_end_where_a_plain_walk_ends(environments) -> None:
    rng = np.random.default_rng(environments)
    steps = 50
    table = Columns({"r": Field(), "done": Field((1,)), "cut": Field()}, steps * environments)
    for name, share in (("r", 1.0), ("done", 0.1), ("cut", 0.05)):
        column = table[name].reshape(-1)
        column[:] = rng.normal(size=len(column)) * (rng.random(len(column)) < share)
    rows = rng.integers(0, len(table), 500)
    for n_step, newest in ((1, 3), (3, 49), (7, 0), (60, 20)):
        last, reward, discount = table.n_step(
            rows, reward="r", ends=("done", "cut"), n_step=n_step, gamma=0.9,
            newest=newest, environments=environments,
        )  # fmt: skip
        for i, row in enumerate(rows):
            total, at = 0.0, int(row)
            for k in range(n_step):
                total += 0.9**k * float(table["r"][at])
                if table["done"][at] or table["cut"][at] or at // environments == newest:
                    break
                if k + 1 < n_step:
                    at = (at + environments) % len(table)
            assert last[i] == at
            assert discount[i] == pytest.approx(0.9 ** (k + 1), rel=1e-6)
            assert reward[i] == pytest.approx(total, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_step": 0}, "positive n_step"),
        ({"newest": 100}, "newest=100"),
        ({"environments": 3}, "environments=3"),
        ({"reward": "obs"}, "one float32"),
        ({"ends": ("action",)}, "one float32"),
    ],
)
def test_windows_that_cannot_be_are_said(change, message) -> None:
    columns, _ = filled()
    given = {"reward": "done", "ends": ("done",), "n_step": 3, "gamma": 0.9, "newest": 5} | change
    with pytest.raises(ValueError, match=message):
        columns.n_step(np.array([1]), **given)
