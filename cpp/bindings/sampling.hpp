#pragma once
// Sampling from Python: what sample(), sample_sequences() and a prefetch iterator share.

#include <pybind11/pybind11.h>

#include "buffer.hpp"

namespace sharpwave::bindings {

// A positive count. THROWS InvalidValue that calls it `name`.
std::size_t count_of(PyObject* value, const char* name);

// The columns of a batch of this buffer, and of one of sequences.
BatchOptions batch_options(const Buffer& buffer, std::size_t samples);
BatchOptions batch_options(const Buffer& buffer, const SequenceOptions& sequences);

// THROWS InvalidValue for a count out of its range.
SequenceOptions sequence_options(const py::object& batch_size, const py::object& length,
                                 const py::object& burn_in, const py::object& period);

// How the buffer's sampler is to draw, read off its Python object, which may be changed any time.
Draws draws_of(const Buffer& buffer);

// Asks the reward function for relabelled rows and puts its answer into the block.
void put_rewards(const Buffer& buffer, const Relabelled& relabelled, const BatchLayout& layout,
                 std::byte* block);

// Methods by METH_FASTCALL.
PyObject* py_sample(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                    PyObject* keywords);
PyObject* py_update_priorities(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                               PyObject* keywords);

// By pybind11.
py::object sample_sequences(const py::object& self, const py::object& batch_size,
                            const py::object& length, const py::object& burn_in,
                            const py::object& period);
py::object rows(const py::object& self, const py::object& index, const py::object& n_step);

}  // namespace sharpwave::bindings
