#include "sharpwave/kernels/cpu.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#if !defined(__GNUC__) && !defined(__clang__)
#define __builtin_memcpy std::memcpy
#define __builtin_prefetch(...) ((void)0)
#define __builtin_sqrtf std::sqrt
#define SHARPWAVE_RESTRICT __restrict
#else
#define SHARPWAVE_RESTRICT __restrict__
#endif

#if defined(__GNUC__) || defined(__clang__)
// Vectors are passed between functions of one set of kernels only, which agree on how.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define SHARPWAVE_X86_TARGETS 1
#include <immintrin.h>
#endif

namespace sharpwave {
namespace {

namespace baseline {
constexpr const char* kName = "baseline";
#if defined(__GNUC__) || defined(__clang__)
using Floats = float __attribute__((vector_size(16)));
#else
using Floats = float;
#endif
inline Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) { return a * b + c; }
#include "sharpwave/kernels/kernels.inl"
}  // namespace baseline

#ifdef SHARPWAVE_X86_TARGETS

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define SHARPWAVE_AVX2 1
namespace avx2 {
constexpr const char* kName = "avx2";
using Floats = __m256;
inline Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
  return _mm256_fmadd_ps(a, b, c);
}
#include "sharpwave/kernels/kernels.inl"
}  // namespace avx2
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq")
#endif
#define SHARPWAVE_AVX512 1
namespace avx512 {
constexpr const char* kName = "avx512";
using Floats = __m512;
inline Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
  return _mm512_fmadd_ps(a, b, c);
}
#include "sharpwave/kernels/kernels.inl"
}  // namespace avx512
#undef SHARPWAVE_AVX512
#undef SHARPWAVE_AVX2
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

#endif

// Weakest first: the last one that the processor has and the environment allows is taken.
const Kernels& choose() {
  const char* const wanted = std::getenv("SHARPWAVE_CPU");
  const auto allowed = [&](const Kernels& set) {
    return wanted == nullptr || std::strcmp(wanted, set.name) == 0;
  };
  const Kernels* chosen = &baseline::kSet;
#ifdef SHARPWAVE_X86_TARGETS
  if (has_avx2() && allowed(avx2::kSet)) chosen = &avx2::kSet;
  if (has_avx512() && allowed(avx512::kSet)) chosen = &avx512::kSet;
#endif
  return *chosen;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace sharpwave
