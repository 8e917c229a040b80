#include <pybind11/critical_section.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "bound_columns.hpp"
#include "methods.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/step_ring.hpp"

namespace sharpwave::bindings {
namespace {

std::unique_ptr<BoundColumns> make(const py::dict& fields, std::size_t rows, const py::object& cast,
                                   const std::vector<std::string>& alone) {
  Leaves leaves;
  for (const auto& [name, field] : fields) Tree(field, name.cast<std::string>(), leaves);
  for (const std::string& name : alone) {
    const auto is_it = [&](const Field& field) { return field.name == name; };
    const auto field = std::find_if(leaves.fields.begin(), leaves.fields.end(), is_it);
    if (field == leaves.fields.end()) {
      throw UnknownName("alone: '" + name + "' is not a column of this table");
    }
    field->is_alone = true;
  }
  return std::make_unique<BoundColumns>(std::move(leaves), rows, cast);
}

py::array get(const py::object& self, const std::string& name) {
  const BoundColumns& columns = columns_of(self);
  const std::size_t f = number_of(columns, name);
  const ArrayType& type = columns.types[f].stored;
  const Column& column = columns.core.column(f);
  std::vector<py::ssize_t> strides{static_cast<py::ssize_t>(column.stride)};
  for (const py::ssize_t step : py::detail::c_strides(type.shape, type.dtype.itemsize())) {
    strides.push_back(step);
  }
  return {type.dtype, type.shape_behind({static_cast<py::ssize_t>(columns.core.rows())}), strides,
          column.data, self};
}

const Column& number_column(const BoundColumns& columns, const std::string& name) {
  const std::size_t f = number_of(columns, name);
  const Column& column = columns.core.column(f);
  if (columns.types[f].stored.dtype.equal(py::dtype::of<float>()) && column.bytes == sizeof(float))
    return column;
  throw InvalidValue("'" + name + "': expected a column of one float32 a row");
}

void check_ring(const StepRing& ring) {
  const bool is_ring = ring.environments > 0 && ring.rows % ring.environments == 0 &&
                       ring.newest >= 0 && ring.newest < ring.rows / ring.environments;
  if (is_ring && ring.n_step > 0) return;
  throw InvalidValue("n_step: expected a positive n_step, and a newest step below " +
                     std::to_string(ring.rows) + " rows / environments, got n_step=" +
                     std::to_string(ring.n_step) + ", newest=" + std::to_string(ring.newest) +
                     ", environments=" + std::to_string(ring.environments));
}

py::tuple n_step(const py::object& self, const py::array_t<std::int64_t, py::array::c_style>& rows,
                 const std::string& reward, const std::vector<std::string>& ends,
                 std::int64_t steps, double gamma, std::int64_t newest, std::int64_t environments) {
  const BoundColumns& columns = columns_of(self);
  const StepRing ring{static_cast<std::int64_t>(columns.core.rows()), environments, newest, steps,
                      gamma};
  check_ring(ring);
  const std::span<const std::int64_t> all(rows.data(), static_cast<std::size_t>(rows.size()));
  for (const std::int64_t row : all) check_range(columns, row, row + 1);
  std::vector<Column> end_columns;
  for (const std::string& end : ends) end_columns.push_back(number_column(columns, end));
  py::array_t<std::int64_t> last(rows.size());
  py::array_t<float> sum(rows.size());
  py::array_t<float> discount(rows.size());
  const py::scoped_critical_section alone(self);  // without a GIL
  n_step_windows(ring, all, number_column(columns, reward), end_columns,
                 {last.mutable_data(), sum.mutable_data(), discount.mutable_data()});
  return py::make_tuple(last, sum, discount);
}

py::array_t<std::int64_t> integers(std::uint64_t below, py::ssize_t count, std::uint64_t seed) {
  if (below == 0) throw InvalidValue("integers: expected a bound of at least 1, got 0");
  py::array_t<std::int64_t> drawn(count);
  Rng rng(seed);
  std::int64_t* const out = drawn.mutable_data();
  for (py::ssize_t i = 0; i < count; ++i) out[i] = static_cast<std::int64_t>(rng.below(below));
  return drawn;
}

}  // namespace

BoundColumns::BoundColumns(Leaves leaves, std::size_t rows, const py::object& cast)
    : core(std::move(leaves.fields), rows), types(std::move(leaves.types)), casting(cast) {
  for (const ColumnType& type : types) names.emplace_back(type.name);
}

BoundColumns& columns_of(const py::handle& self) {
  void* const value = value_of(self);
  if (value == nullptr) throw py::type_error("Columns.__init__() has not run");
  return *static_cast<BoundColumns*>(value);
}

std::size_t number_of(const BoundColumns& columns, const std::string& name) {
  for (std::size_t f = 0; f < columns.types.size(); ++f) {
    if (columns.types[f].name == name) return f;
  }
  throw UnknownName("'" + name + "' is not a column of this table");
}

void check_range(const BoundColumns& columns, std::int64_t first, std::int64_t end) {
  const auto rows = static_cast<std::int64_t>(columns.core.rows());
  if (first >= 0 && end <= rows) return;
  throw InvalidValue("rows: expected rows from 0 to " + std::to_string(rows - 1) + ", got " +
                     std::to_string(first < 0 ? first : end - 1));
}

void bind_columns(py::module_& m) {
  py::class_<BoundColumns> columns(m, "Columns");
  columns
      .def(py::init(&make), py::kw_only(), py::arg("fields"), py::arg("rows"), py::arg("cast"),
           py::arg("alone") = std::vector<std::string>{})
      .def("__getitem__", &get, py::arg("name"))
      .def("__len__", [](const BoundColumns& columns) { return columns.core.rows(); })
      .def("n_step", &n_step, py::arg("rows"), py::kw_only(), py::arg("reward"), py::arg("ends"),
           py::arg("n_step"), py::arg("gamma"), py::arg("newest"), py::arg("environments") = 1)
      .def_property_readonly("nbytes",
                             [](const BoundColumns& columns) { return columns.core.size_bytes(); });
  attach_column_methods(columns);
  m.def("integers", &integers, py::arg("below"), py::arg("count"), py::arg("seed"),
        "``count`` integers from 0 to ``below - 1``, the first ones of the seed's stream.");
}

}  // namespace sharpwave::bindings
