#pragma once
// BoundColumns: the core's Columns with what Python needs beside it.

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/columns.hpp"
#include "tree.hpp"
#include "values.hpp"

namespace sharpwave::bindings {

struct BoundColumns {
  BoundColumns(Leaves leaves, std::size_t rows, const py::object& cast);

  Columns core;
  std::vector<ColumnType> types;
  std::vector<py::str> names;  // made once, as keys of what is taken
  Casting casting;
  std::shared_ptr<BlockPool> pool = std::make_shared<BlockPool>();
};

// THROWS TypeError before __init__ has run. REQUIRES: an instance of the bound class.
BoundColumns& columns_of(const py::handle& self);
// THROWS UnknownName.
std::size_t number_of(const BoundColumns& columns, const std::string& name);
// THROWS InvalidValue unless the rows from `first` to `end - 1` are there.
void check_range(const BoundColumns& columns, std::int64_t first, std::int64_t end);

// take, put and scatter. REQUIRES: as attach() does.
void attach_column_methods(const py::object& columns_class);

}  // namespace sharpwave::bindings
