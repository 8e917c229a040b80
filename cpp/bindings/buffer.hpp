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

}  // namespace sharpwave::bindings
