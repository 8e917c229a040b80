#pragma once
// What Python asks about a buffer rather than of it: stats() and the doctor's view of the rows.

#include <pybind11/pybind11.h>

namespace sharpwave::bindings {

namespace py = pybind11;

// The arguments of sharpwave.Stats.
py::dict stats(const py::object& self);

// The names of the stored rows and their Listing flags, as two arrays.
py::tuple listing(const py::object& self);

}  // namespace sharpwave::bindings
