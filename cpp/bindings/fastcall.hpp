#pragma once
// add, extend and sample by METH_FASTCALL: pybind11's dispatch would cost more than their work.

#include <pybind11/pybind11.h>

namespace sharpwave::bindings {

// Adds the methods to the bound class. REQUIRES: instances hold a Buffer in pybind11's simple
// layout.
void attach_fast_methods(const pybind11::object& buffer_class);

}  // namespace sharpwave::bindings
