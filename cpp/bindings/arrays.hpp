#pragma once
// NumPy arrays over our memory, and the parts of NumPy's C structures that the hot path reads.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "sharpwave/encode.hpp"

namespace sharpwave::bindings {

namespace py = pybind11;

// The kinds of field for which single Python numbers are read without NumPy's help.
enum class ColumnKind { kOther, kBool, kInt64, kFloat32, kFloat64 };

// One row's value as a NumPy array.
struct ArrayType {
  py::dtype dtype;
  std::vector<py::ssize_t> shape;

  // An array of `lead` axes followed by the value's own.
  [[nodiscard]] std::vector<py::ssize_t> shape_behind(const std::vector<py::ssize_t>& lead) const;
};

// How one field looks in NumPy.
struct ColumnType {
  // Values are stored and sampled as they are given.
  ColumnType(std::string field_name, py::dtype field_dtype, std::vector<py::ssize_t> field_shape);

  std::string name;
  py::dtype dtype;  // as values are given
  std::vector<py::ssize_t> shape;
  ColumnKind kind;
  Encoder encoder;
  ArrayType stored;
  ArrayType sampled;
  std::string storable;  // which values can be stored, in words
};

inline const py::detail::PyArray_Proxy* as_array(PyObject* object) {
  return py::detail::array_proxy(object);
}

// An ndarray itself, not a subclass: nothing about it is overridden.
inline bool is_array(PyObject* object) {
  return Py_TYPE(object) == py::detail::npy_api::get().PyArray_Type_;
}

inline bool is_contiguous(PyObject* array) {
  return (as_array(array)->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) != 0;
}

// An array that can be read as it is.
template <typename Value>
bool is_plain(PyObject* value) {
  return is_array(value) && is_contiguous(value) &&
         as_array(value)->descr == py::dtype::of<Value>().ptr();
}

// A capsule that keeps `block` alive. Its destructor may run on any thread: it only lets go.
py::capsule keep_alive(std::shared_ptr<std::byte> block);
// Whether an object is such a capsule, and what it keeps alive.
bool is_block(PyObject* capsule);
std::byte* block_of(PyObject* capsule);

// A writable C-contiguous array over memory that `base` keeps alive.
py::array array_over(const py::dtype& dtype, const std::vector<py::ssize_t>& shape, void* data,
                     const py::object& base);

// A row's value for each of `rows` rows; likewise, and the quickest way to make one.
py::object rows_over(const ArrayType& type, py::ssize_t rows, void* data, const py::object& base);

// Likewise with strides, and read-only.
py::array view_over(const py::dtype& dtype, const std::vector<py::ssize_t>& shape,
                    const std::vector<py::ssize_t>& strides, const void* data,
                    const py::object& base);

}  // namespace sharpwave::bindings
