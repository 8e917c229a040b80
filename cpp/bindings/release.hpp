#pragma once
// When a call gives other threads the interpreter.

#include <pybind11/pybind11.h>

#include <cstddef>
#include <optional>

#include "buffer.hpp"

namespace sharpwave::bindings {

// Lets other threads have the interpreter where the work is worth it, and where there is a lock to
// wait for: whoever has it may need the interpreter before giving it up (os.fork's hooks do).
class ReleaseIfWorth {
 public:
  ReleaseIfWorth(const Buffer& buffer, std::size_t bytes) {
    if (bytes > kReleaseAbove || buffer.core.is_busy()) released_.emplace();
  }

 private:
  static constexpr std::size_t kReleaseAbove = std::size_t{64} << 10;

  std::optional<py::gil_scoped_release> released_;
};

}  // namespace sharpwave::bindings
