#pragma once
// The core's options, read off the frozen descriptions that Python has of them.

#include <pybind11/pybind11.h>

#include <optional>

#include "sharpwave/replay_buffer.hpp"
#include "tree.hpp"

namespace sharpwave::bindings {

SamplerOptions sampler_options(const py::object& sampler);

// None: no hindsight. The goals are the obs leaves `achieved_goal` and `desired_goal`.
// THROWS InvalidValue where there are none, or they differ.
std::optional<HindsightOptions> hindsight_options(const py::object& hindsight, const Leaves& obs);

}  // namespace sharpwave::bindings
