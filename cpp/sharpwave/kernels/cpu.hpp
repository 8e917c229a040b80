#pragma once
// The hot loops, chosen once for this machine's processor.
//
// kernels.inl is compiled for the baseline and again for wider vectors; kernels() picks the widest
// that the processor has, or the one that the environment variable SHARPWAVE_CPU names ("baseline",
// "avx2", "avx512").
//
// Threads: all. Invariants: every set of kernels returns the same bits.

#include <cstddef>
#include <cstdint>

#include "sharpwave/schema.hpp"

namespace sharpwave {

// `rows` values of `actions` each, row after row.
template <typename Real>
struct QValues {
  const Real* values;
  std::size_t rows;
  std::size_t actions;
};

// out[i] = the value stored at rows[i] + offset, for count rows, decoded to `bytes` bytes.
// `divisor` is for those that divide.
using GatherKernel = void (*)(std::byte* out, const std::byte* const* rows, std::size_t offset,
                              std::size_t bytes, std::size_t count, float divisor);

struct Kernels {
  const char* name;

  // The kernel for this field's values, which copies or decodes them.
  GatherKernel (*gather_for)(const Field& field);

  // out = reward + discount * max_a next_q
  void (*target_f32)(const float* reward, const float* discount, QValues<float> next_q, float* out);
  void (*target_f64)(const double* reward, const double* discount, QValues<double> next_q,
                     double* out);

  // out = reward + discount * next_q_target[argmax_a next_q_online]
  void (*double_target_f32)(const float* reward, const float* discount, QValues<float> online,
                            const float* next_q_target, float* out);
  void (*double_target_f64)(const double* reward, const double* discount, QValues<double> online,
                            const double* next_q_target, double* out);
};

const Kernels& kernels();

// Into the second-level cache: a core has room for more outstanding lines there than in the first
// level, and copying from the second level costs next to nothing (docs/decisions/0003).
inline void prefetch(const void* address) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(address, 0, 2);
#else
  (void)address;
#endif
}

}  // namespace sharpwave
