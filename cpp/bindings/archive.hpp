#pragma once
// A buffer's state to the files of a folder or to bytes, and back.

#include <pybind11/pybind11.h>

#include "buffer.hpp"

namespace sharpwave::bindings {

void bind_archive(py::module_& m, py::class_<Buffer>& buffer);

}  // namespace sharpwave::bindings
