#pragma once
// Tensors in and out through DLPack's C functions, which a framework's tensor class brings along.

#include <pybind11/pybind11.h>

#include "arrays.hpp"
#include "dlpack.hpp"

namespace sharpwave::bindings {

// The exchange functions of a tensor class, or nullptr where it has none that we understand.
const dlpack::ExchangeApi* exchange_of(PyTypeObject* tensor_class);

// A tensor over the array's memory; the tensor keeps the array alive.
py::object tensor_over(const py::array& array, const dlpack::ExchangeApi& exchange);

}  // namespace sharpwave::bindings
