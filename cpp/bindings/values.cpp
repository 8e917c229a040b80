#include "values.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

bool is_instance(PyObject* value, const py::object& type) {
  return PyObject_TypeCheck(value, reinterpret_cast<PyTypeObject*>(type.ptr()));
}

// What is left to sharpwave._casting: finite numbers that would become infinite, which it refuses,
// and NaN, whose bits a detour through double would change.
bool fits_float(double number) {
  return std::abs(number) <= std::numeric_limits<float>::max() || std::isinf(number);
}

bool is_real(ColumnKind kind) {
  return kind == ColumnKind::kFloat32 || kind == ColumnKind::kFloat64;
}

std::vector<std::int64_t> integers(PyObject* env_ids) {
  const auto array = py::array::ensure(env_ids);
  const bool is_empty_list = array && array.size() == 0;
  if (!array || array.ndim() != 1 || !(is_empty_list || std::strchr("iu", array.dtype().kind()))) {
    PyErr_Clear();
    throw InvalidValue("env_ids: expected a one-dimensional sequence of integers, got " +
                       py::repr(env_ids).cast<std::string>());
  }
  const auto wide = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>(array);
  return {wide.data(), wide.data() + wide.size()};
}

}  // namespace

Casting::Casting(py::object cast_function) : cast(std::move(cast_function)) {
  const auto numpy = py::module_::import("numpy");
  np_true = numpy.attr("True_");
  np_false = numpy.attr("False_");
  np_integer = numpy.attr("integer");
  np_floating = numpy.attr("floating");
  np_double = py::dtype::of<double>();
  np_bool = py::dtype::of<bool>();
}

std::size_t Lead::rows() const {
  std::size_t product = 1;
  for (std::size_t i = 0; i < count; ++i) product *= static_cast<std::size_t>(axes[i]);
  return product;
}

template <typename Number>
const std::byte* ValueReader::keep(Number number) {
  if (used_ + sizeof(std::uint64_t) > stack_.size()) return nullptr;
  std::byte* const at = stack_.data() + used_;
  std::memcpy(at, &number, sizeof(number));
  used_ += sizeof(std::uint64_t);
  return at;
}

bool ValueReader::has_shape(PyObject* array, const ColumnType& type) const {
  const auto* const got = as_array(array);
  const auto own = type.shape.size();
  const auto dims = static_cast<std::size_t>(got->nd);
  const std::size_t lead = dims - own;  // wraps where the array has too few axes
  if (lead != lead_.count && !(lead_.last_optional && lead + 1 == lead_.count)) return false;
  return std::equal(got->dimensions, got->dimensions + lead, lead_.axes.begin()) &&
         std::equal(type.shape.begin(), type.shape.end(), got->dimensions + lead);
}

bool ValueReader::is_integer(PyObject* value) const {
  return PyLong_Check(value) || is_instance(value, casting_.np_integer);
}

bool ValueReader::is_floating(PyObject* value) const {
  return PyFloat_Check(value) || is_instance(value, casting_.np_floating);
}

// One number for a field of one value. nullptr: not of the kinds that are read here.
const std::byte* ValueReader::read_number(PyObject* value, const ColumnType& type) {
  if (type.kind == ColumnKind::kBool) {
    if (value == Py_True || value == casting_.np_true.ptr()) return keep(true);
    if (value == Py_False || value == casting_.np_false.ptr()) return keep(false);
  } else if (type.kind == ColumnKind::kInt64 && is_integer(value)) {
    const long long number = PyLong_AsLongLong(value);
    if (number != -1 || PyErr_Occurred() == nullptr) return keep(std::int64_t{number});
    PyErr_Clear();
  } else if (is_real(type.kind) && (is_floating(value) || is_integer(value))) {
    const double number = PyFloat_AsDouble(value);
    if (number != -1.0 || PyErr_Occurred() == nullptr) {
      if (type.kind == ColumnKind::kFloat64) return keep(number);
      return fits_float(number) ? keep(static_cast<float>(number)) : nullptr;
    }
    PyErr_Clear();
  }
  return nullptr;
}

// For a float32 field: float64, which environments in plain NumPy give for rewards, and flags.
template <typename Given>
const std::byte* ValueReader::read_as_floats(PyObject* array) {
  const auto* const shape = as_array(array)->dimensions;
  const auto count = static_cast<std::size_t>(
      std::accumulate(shape, shape + as_array(array)->nd, py::ssize_t{1}, std::multiplies<>()));
  if (count > stack_.size()) return nullptr;
  const std::size_t bytes = (count * sizeof(float) + 7) / 8 * 8;
  if (used_ + bytes > stack_.size()) return nullptr;
  std::byte* const at = stack_.data() + used_;
  const auto* const from = reinterpret_cast<const Given*>(as_array(array)->data);
  for (std::size_t i = 0; i < count; ++i) {
    if (!fits_float(static_cast<double>(from[i]))) return nullptr;
    const auto value = static_cast<float>(from[i]);
    std::memcpy(at + i * sizeof(float), &value, sizeof(value));
  }
  used_ += bytes;
  return at;
}

const std::byte* ValueReader::read_array(PyObject* array, const ColumnType& type) {
  const auto* const got = as_array(array);
  if (!is_contiguous(array) || !has_shape(array, type)) return nullptr;
  if (got->descr == type.dtype.ptr()) return reinterpret_cast<const std::byte*>(got->data);
  if (type.kind != ColumnKind::kFloat32) return nullptr;
  if (got->descr == casting_.np_double.ptr()) return read_as_floats<double>(array);
  return got->descr == casting_.np_bool.ptr() ? read_as_floats<bool>(array) : nullptr;
}

const std::byte* ValueReader::read_slowly(PyObject* value, const ColumnType& type) {
  const py::array cast =
      casting_.cast(py::handle(value), type.name, type.dtype, py::tuple(py::cast(type.shape)),
                    py::tuple(py::cast(lead_.list())), lead_.last_optional);
  kept_.push_back(cast);
  return static_cast<const std::byte*>(cast.data());
}

const std::byte* ValueReader::read(PyObject* value, const ColumnType& type) {
  const std::byte* fast = nullptr;
  if (is_array(value)) {
    fast = read_array(value, type);
  } else if (lead_.last_optional && lead_.count == 1 && type.shape.empty()) {
    fast = read_number(value, type);
  }
  const std::byte* const given = fast != nullptr ? fast : read_slowly(value, type);
  return type.encoder.is_needed() ? encode(given, type) : given;
}

std::byte* ValueReader::room_for(std::size_t bytes) {
  const std::size_t words = (bytes + 7) / 8 * 8;
  if (used_ + words > stack_.size()) return blocks_.emplace_back(bytes).data();
  used_ += words;
  return stack_.data() + used_ - words;
}

const std::byte* ValueReader::encode(const std::byte* given, const ColumnType& type) {
  const std::size_t rows = lead_.rows();
  std::byte* const stored = room_for(rows * type.encoder.bytes());
  const std::size_t held = type.encoder.encode(given, rows, stored);
  if (held == rows * type.encoder.values()) return stored;
  const auto itemsize = static_cast<std::size_t>(type.dtype.itemsize());
  const py::array refused(type.dtype, std::vector<py::ssize_t>{}, given + held * itemsize);
  throw InvalidValue(type.name + ": expected values " + type.storable + ", got " +
                     py::repr(refused.attr("item")()).cast<std::string>() +
                     "; convert it first, or give the field another store_as");
}

Environments::Environments(PyObject* env_ids, std::span<const std::uint32_t> all) : chosen_(all) {
  if (env_ids == nullptr || env_ids == Py_None) return;
  std::vector<bool> seen(all.size());
  for (const std::int64_t id : integers(env_ids)) {
    if (id < 0 || id >= static_cast<std::int64_t>(all.size())) {
      throw InvalidValue("env_ids: expected ids from 0 to " + std::to_string(all.size() - 1) +
                         ", got " + std::to_string(id));
    }
    if (seen[static_cast<std::size_t>(id)]) {
      throw InvalidValue("env_ids: expected each environment at most once, got " +
                         std::to_string(id) + " twice");
    }
    seen[static_cast<std::size_t>(id)] = true;
    own_.push_back(static_cast<std::uint32_t>(id));
  }
  chosen_ = own_;
}

}  // namespace sharpwave::bindings
