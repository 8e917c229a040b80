#pragma once
// A batch that the caller wants filled again: sample(out=batch).

#include <pybind11/pybind11.h>

#include "buffer.hpp"

namespace sharpwave::bindings {

struct Refill {
  BatchLayout layout;
  std::byte* block;
  py::object owner;  // of the block, which the batch may lose while it is filled
};

// Reads a batch that this buffer's sample() made, with the very arrays it came with.
// THROWS InvalidValue for anything else: those would be filled in vain, or past their end.
Refill refill(const Buffer& buffer, const py::object& batch);

}  // namespace sharpwave::bindings
