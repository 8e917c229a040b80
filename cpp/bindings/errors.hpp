#pragma once
// Core error to Python exception: one table, used by pybind11's functions and by ours.

#include <pybind11/pybind11.h>

namespace sharpwave::bindings {

void register_errors();

// Sets the Python error for the exception in flight. REQUIRES: the GIL; called inside a catch.
void set_python_error();

// Runs `body`, which returns a new reference, and turns whatever it throws into a Python error.
template <typename Body>
PyObject* guarded(Body&& body) {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

}  // namespace sharpwave::bindings
