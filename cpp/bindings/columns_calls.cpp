// take(), put() and scatter() of a table of columns, by METH_FASTCALL.

#include <pybind11/critical_section.h>

#include <string>
#include <vector>

#include "bound_columns.hpp"
#include "errors.hpp"
#include "methods.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

using Rows = py::array_t<std::int64_t, py::array::c_style>;

std::span<const std::int64_t> span_of(const Rows& rows) {
  return {rows.data(), static_cast<std::size_t>(rows.size())};
}

// The checked rows of a call.
Rows rows_of(const BoundColumns& columns, PyObject* value) {
  const auto rows = is_plain<std::int64_t>(value) ? py::reinterpret_borrow<Rows>(value)
                                                  : Rows::ensure(py::handle(value));
  if (!rows || rows.ndim() != 1) {
    PyErr_Clear();
    throw InvalidValue("rows: expected a one-dimensional array of integers, got " +
                       py::repr(value).cast<std::string>());
  }
  for (const std::int64_t row : span_of(rows)) check_range(columns, row, row + 1);
  return rows;
}

std::vector<bool> chosen_columns(const BoundColumns& columns, PyObject* names) {
  const bool is_all = names == nullptr || names == Py_None;
  std::vector<bool> is_chosen(columns.types.size(), is_all);
  if (is_all) return is_chosen;
  for (const py::handle name : py::handle(names)) {
    is_chosen[number_of(columns, name.cast<std::string>())] = true;
  }
  return is_chosen;
}

PyObject* py_take(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                  PyObject* keywords) {
  return guarded([&] {
    const BoundColumns& columns = columns_of(self);
    const auto given = arguments<2>("take", {"rows", "names"}, 1, args, positional, keywords);
    const Rows rows = rows_of(columns, given[0]);
    const Columns::Layout layout =
        columns.core.layout(span_of(rows).size(), chosen_columns(columns, given[1]));
    const BlockPool::Block block = columns.pool->lend(layout.bytes);
    const py::scoped_critical_section alone(self);  // without a GIL
    columns.core.take(span_of(rows), layout, block.get());
    const py::capsule owner = keep_alive(block);
    py::dict taken;
    for (std::size_t f = 0; f < columns.types.size(); ++f) {
      if (layout.is_skipped(f)) continue;
      taken[columns.names[f]] =
          rows_over(columns.types[f].sampled, rows.size(), block.get() + layout.offsets[f], owner);
    }
    return taken.release().ptr();
  });
}

// Reads a value for each column, whole or not at all, before `store` is handed them one by one.
template <typename Store>
void write(PyObject* self, BoundColumns& columns, const char* call, const Lead& lead,
           std::span<PyObject* const> values, const Store& store) {
  if (values.size() != columns.types.size()) {
    throw InvalidValue(std::string(call) + ": expected " + std::to_string(columns.types.size()) +
                       " values, one a column, got " + std::to_string(values.size()));
  }
  ValueReader reader(lead, columns.casting);
  std::vector<const std::byte*> read(values.size());
  for (std::size_t f = 0; f < read.size(); ++f) {
    read[f] = reader.read(values[f], columns.types[f]);
  }
  const py::scoped_critical_section alone(self);  // without a GIL
  for (std::size_t f = 0; f < read.size(); ++f) store(f, read[f]);
}

void check_positional(const char* call, Py_ssize_t least, Py_ssize_t positional,
                      PyObject* keywords) {
  if (positional >= least && (keywords == nullptr || PyTuple_GET_SIZE(keywords) == 0)) return;
  throw py::type_error(std::string(call) + "() takes its arguments by place, and at least " +
                       std::to_string(least));
}

PyObject* py_put(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
  return guarded([&] {
    check_positional("put", 2, positional, keywords);
    BoundColumns& columns = columns_of(self);
    const auto first = py::handle(args[0]).cast<std::int64_t>();
    const auto count = py::handle(args[1]).cast<std::int64_t>();
    check_range(columns, first, first + count);
    write(self, columns, "put", Lead{{count, 0}, 1, count == 1},
          {args + 2, static_cast<std::size_t>(positional - 2)},
          [&](std::size_t f, const std::byte* values) {
            columns.core.put(f, static_cast<std::size_t>(first), static_cast<std::size_t>(count),
                             values);
          });
    Py_RETURN_NONE;
  });
}

PyObject* py_scatter(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                     PyObject* keywords) {
  return guarded([&] {
    check_positional("scatter", 1, positional, keywords);
    BoundColumns& columns = columns_of(self);
    const Rows rows = rows_of(columns, args[0]);
    write(self, columns, "scatter", Lead{{rows.size(), 0}, 1, false},
          {args + 1, static_cast<std::size_t>(positional - 1)},
          [&](std::size_t f, const std::byte* values) {
            columns.core.scatter(f, span_of(rows), values);
          });
    Py_RETURN_NONE;
  });
}

PyMethodDef kMethods[] = {
    {"take", as_method(py_take), kFast,
     "take($self, rows, names=None)\n--\n\nThe columns of these names, or all, in these rows."},
    {"put", as_method(py_put), kFast,
     "put($self, first, count, /, *values)\n--\n\nWrite a value for each column into the ``count`` "
     "rows from ``first`` on."},
    {"scatter", as_method(py_scatter), kFast,
     "scatter($self, rows, /, *values)\n--\n\nWrite a value for each column into these rows."},
};

}  // namespace

void attach_column_methods(const py::object& columns_class) { attach(columns_class, kMethods); }

}  // namespace sharpwave::bindings
