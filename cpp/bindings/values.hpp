#pragma once
// Python values to consecutive bytes: what add() and extend() were given, as the core wants it.
//
// The fast ways (an array of just that dtype and shape, a number, float64 for float32) read in
// place or convert on the stack; everything else goes through sharpwave._casting, which knows the
// rules and the words of the errors.

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "arrays.hpp"

namespace sharpwave::bindings {

// The axes in front of a field's own: (environments,) for add, (steps, environments) for extend.
// With one environment that axis may be left out.
struct Lead {
  std::array<py::ssize_t, 2> axes;
  std::size_t count;
  bool last_optional;

  [[nodiscard]] std::size_t rows() const;
  [[nodiscard]] std::vector<py::ssize_t> list() const {
    return {axes.begin(), axes.begin() + count};
  }
};

// What reading needs of NumPy and of sharpwave._casting, looked up once a buffer.
struct Casting {
  explicit Casting(py::object cast_function);

  py::object cast;
  py::object np_true;
  py::object np_false;
  py::object np_integer;
  py::object np_floating;
  py::object np_double;  // the dtypes
  py::object np_bool;
};

// Reads the values of one call. What it returns is good until it is destroyed.
class ValueReader {
 public:
  ValueReader(Lead lead, const Casting& casting) : lead_(lead), casting_(casting) {}
  ValueReader(const ValueReader&) = delete;
  ValueReader& operator=(const ValueReader&) = delete;

  // The values as the field stores them. THROWS the error that sharpwave._casting raises, and
  // InvalidValue for one that the storage cannot hold.
  const std::byte* read(PyObject* value, const ColumnType& type);

  // Keeps alive what only a container of the caller's holds: another thread may change it.
  void hold(PyObject* value) {
    auto held = py::reinterpret_borrow<py::object>(value);
    if (held_count_ == held_.size()) return kept_.push_back(std::move(held));
    held_[held_count_++] = std::move(held);
  }

 private:
  const std::byte* read_array(PyObject* array, const ColumnType& type);
  const std::byte* read_number(PyObject* value, const ColumnType& type);
  template <typename Given>
  const std::byte* read_as_floats(PyObject* array);
  const std::byte* read_slowly(PyObject* value, const ColumnType& type);
  const std::byte* encode(const std::byte* given, const ColumnType& type);
  std::byte* room_for(std::size_t bytes);
  [[nodiscard]] bool has_shape(PyObject* array, const ColumnType& type) const;
  template <typename Number>
  const std::byte* keep(Number number);
  [[nodiscard]] bool is_integer(PyObject* value) const;
  [[nodiscard]] bool is_floating(PyObject* value) const;

  Lead lead_;
  const Casting& casting_;
  std::array<py::object, 8> held_;  // the first of them, for no allocation at the usual number
  std::size_t held_count_ = 0;
  std::vector<py::object> kept_;
  std::vector<std::vector<std::byte>> blocks_;  // for what the stack has no room for
  std::size_t used_ = 0;
  alignas(8) std::array<std::byte, 1024> stack_;  // NOLINT: written before it is read
};

// The environments a call names, or all of them for None. THROWS InvalidValue.
class Environments {
 public:
  Environments(PyObject* env_ids, std::span<const std::uint32_t> all);
  [[nodiscard]] std::span<const std::uint32_t> get() const { return chosen_; }

 private:
  std::vector<std::uint32_t> own_;
  std::span<const std::uint32_t> chosen_;
};

}  // namespace sharpwave::bindings
