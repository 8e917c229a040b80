#pragma once
// Buffer: the core's ReplayBuffer with what Python needs beside it.

#include <pybind11/pybind11.h>

#include <memory>

#include "lender.hpp"
#include "methods.hpp"
#include "sharpwave/replay_buffer.hpp"
#include "values.hpp"

namespace sharpwave::bindings {

// The Python objects that a buffer calls or reads.
struct Hooks {
  // With same-step autoreset: puts the final observations into next_obs. Otherwise None.
  py::object final_obs;
  // With hindsight: the rewards of achieved and desired goals. Otherwise None.
  py::object rewards;
  // The sampler, as users see it.
  py::object sampler;
};

struct Buffer {
  Buffer(BatchShape batch_shape, Schema schema, const Options& options, Casting casts,
         Hooks python_hooks)
      : core(std::move(schema), options),
        shape(std::move(batch_shape)),
        casting(std::move(casts)),
        hooks(std::move(python_hooks)) {}

  ReplayBuffer core;
  BatchShape shape;
  Lender lender;
  Casting casting;
  Hooks hooks;
};

// The Buffer of a Python object. pybind11 would make up an empty one where __init__ has not run or
// has failed; a debugger that shows such an object must not crash. THROWS TypeError.
// REQUIRES: `self` is an instance of the bound class.
inline Buffer& buffer_of(const py::handle& self) {
  void* const value = value_of(self);
  if (value == nullptr) throw py::type_error("ReplayBuffer.__init__() has not run");
  return *static_cast<Buffer*>(value);
}

}  // namespace sharpwave::bindings
