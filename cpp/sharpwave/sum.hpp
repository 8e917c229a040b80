#pragma once
// Sums and maxima of floats, side by side, so that compilers make vectors of them.
//
// Threads: all; pure functions. Invariants: the order of additions depends on the count alone.

#include <cstddef>

namespace sharpwave {

template <typename Join>
float joined(const float* values, std::size_t count, float start, Join join) {
  constexpr std::size_t kLanes = 16;
  float lanes[kLanes];
  for (float& lane : lanes) lane = start;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) lanes[k] = join(lanes[k], values[i + k]);
  }
  for (; i < count; ++i) lanes[0] = join(lanes[0], values[i]);
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) lanes[k] = join(lanes[k], lanes[k + half]);
  }
  return lanes[0];
}

inline float sum_of(const float* values, std::size_t count) {
  return joined(values, count, 0, [](float a, float b) { return a + b; });
}

// Of at least one. Whether NaN is seen depends on where it lies.
inline float most_of(const float* values, std::size_t count) {
  return joined(values, count, values[0], [](float a, float b) { return a > b ? a : b; });
}

}  // namespace sharpwave
