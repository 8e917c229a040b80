#pragma once
// Vectors of numbers that a caller lends for one call, and that have to fit.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "arrays.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {

// What is written has to be the caller's own memory; what is read may be converted.
using Vector = py::array_t<float, py::array::c_style>;
using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Integers = py::array_t<std::int64_t, py::array::c_style>;

template <typename Array>
void check_size(const char* name, const Array& array, std::size_t expected) {
  if (static_cast<std::size_t>(array.size()) == expected) return;
  throw InvalidValue(std::string(name) + ": expected " + std::to_string(expected) +
                     " values, got " + std::to_string(array.size()));
}

template <typename Number, int kFlags>
std::span<const Number> over(const char* name, const py::array_t<Number, kFlags>& array,
                             std::size_t expected) {
  check_size(name, array, expected);
  return {array.data(), expected};
}

inline std::span<float> into(const char* name, Vector& array, std::size_t expected) {
  check_size(name, array, expected);
  return {array.mutable_data(), expected};
}

}  // namespace sharpwave::bindings
