// update_priorities() by METH_FASTCALL.

#include <string>

#include "errors.hpp"
#include "release.hpp"
#include "sampling.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

// One axis, a value a transition; or two, a row a sequence.
struct Shape {
  std::size_t rows;
  std::size_t steps;
};

Shape shape_of(const py::array& array, const char* name) {
  if (array.ndim() == 1) return {static_cast<std::size_t>(array.shape(0)), 1};
  if (array.ndim() == 2) {
    return {static_cast<std::size_t>(array.shape(0)), static_cast<std::size_t>(array.shape(1))};
  }
  throw InvalidValue(std::string(name) + ": expected shape (B,), or (B, T) for sequences, got " +
                     std::to_string(array.ndim()) + " axes");
}

py::array_t<std::int64_t> indices(PyObject* value) {
  if (is_plain<std::int64_t>(value)) {
    return py::reinterpret_borrow<py::array_t<std::int64_t>>(value);
  }
  py::array array = py::array::ensure(value);
  if (!array || (array.dtype().kind() != 'i' && array.dtype().kind() != 'u')) {
    PyErr_Clear();
    throw InvalidValue("index: expected the integers of batch.index, got " +
                       py::repr(value).cast<std::string>());
  }
  return py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>::ensure(array);
}

py::array_t<float> errors(PyObject* value) {
  if (is_plain<float>(value)) return py::reinterpret_borrow<py::array_t<float>>(value);
  py::array array = py::array::ensure(value);
  if (!array || (array.dtype().kind() != 'f' && array.dtype().kind() != 'i')) {
    PyErr_Clear();
    throw InvalidValue("td_error: expected an array of real numbers, got " +
                       py::repr(value).cast<std::string>());
  }
  return py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(array);
}

void check(const Shape& index, const Shape& td_error, bool is_sequence) {
  const bool fits = is_sequence ? td_error.steps <= index.steps : td_error.steps == 1;
  if (index.rows == td_error.rows && fits) return;
  throw InvalidValue("td_error: expected one value for each of " + std::to_string(index.rows) +
                     " indices, or for their last steps, got " + std::to_string(td_error.rows) +
                     " rows of " + std::to_string(td_error.steps));
}

}  // namespace

PyObject* py_update_priorities(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                               PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    Buffer& buffer = buffer_of(self);
    const py::ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    PyObject* given[2] = {};
    for (py::ssize_t i = 0; i < positional + named; ++i) {
      py::ssize_t at = i;
      if (i >= positional) {
        PyObject* const name = PyTuple_GET_ITEM(keywords, i - positional);
        at = PyUnicode_CompareWithASCIIString(name, "index") == 0      ? 0
             : PyUnicode_CompareWithASCIIString(name, "td_error") == 0 ? 1
                                                                       : 2;
      }
      if (at > 1 || given[at] != nullptr) break;
      given[at] = args[i];
    }
    if (positional + named != 2 || given[0] == nullptr || given[1] == nullptr) {
      throw py::type_error("update_priorities() takes index and td_error");
    }
    const auto index = indices(given[0]);
    const auto td_error = errors(given[1]);
    const Shape index_shape = shape_of(index, "index");
    const Shape error_shape = shape_of(td_error, "td_error");
    check(index_shape, error_shape, index.ndim() == 2 && td_error.ndim() == 2);
    {
      const ReleaseIfWorth released(buffer, index_shape.rows * ReleaseIfWorth::kWalk);
      buffer.core.update_priorities({index.data(), index_shape.rows, index_shape.steps},
                                    {td_error.data(), error_shape.rows, error_shape.steps});
    }
    Py_RETURN_NONE;
  });
}

}  // namespace sharpwave::bindings
