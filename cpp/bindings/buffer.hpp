#pragma once
// Buffer: the core's ReplayBuffer with what Python needs beside it.

#include <pybind11/pybind11.h>

#include <memory>

#include "lender.hpp"
#include "sharpwave/replay_buffer.hpp"
#include "values.hpp"

namespace sharpwave::bindings {

struct Buffer {
  Buffer(BatchShape batch_shape, Schema schema, const Options& options, Casting casts,
         py::object final_obs_function)
      : core(std::move(schema), options),
        shape(std::move(batch_shape)),
        casting(std::move(casts)),
        final_obs(std::move(final_obs_function)) {}

  ReplayBuffer core;
  BatchShape shape;
  Lender lender;
  Casting casting;
  // With same-step autoreset: puts the final observations into next_obs. Otherwise None.
  py::object final_obs;
};

// The Buffer of a Python object. pybind11 would make up an empty one where __init__ has not run or
// has failed; a debugger that shows such an object must not crash. THROWS TypeError.
// REQUIRES: `self` is an instance of the bound class.
inline Buffer& buffer_of(const py::handle& self) {
  auto* const instance = reinterpret_cast<py::detail::instance*>(self.ptr());
  void* const value = instance->simple_layout ? instance->simple_value_holder[0] : nullptr;
  if (value == nullptr) throw py::type_error("ReplayBuffer.__init__() has not run");
  return *static_cast<Buffer*>(value);
}

}  // namespace sharpwave::bindings
