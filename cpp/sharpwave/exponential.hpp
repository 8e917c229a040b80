#pragma once
// exp and log of floats as straight code, of which compilers make vectors; the standard library's
// are calls, one number at a time.
//
// Polynomials of the Cephes library (Moshier 1989, https://www.netlib.org/cephes, expf.c, logf.c),
// within two units in the last place of the exact values.
//
// Threads: all; pure functions.

#include <bit>
#include <cstdint>
#include <numbers>

namespace sharpwave {

// ln 2 = kHighLn2 - kLowLn2; the first has so few bits that its products with small integers are
// exact.
inline constexpr float kHighLn2 = 355.0F / 512.0F;
inline constexpr float kLowLn2 = 2.12194440e-4F;

// exp(x) for x up to 88, that of -87 below it; NaN of NaN.
inline float exp_of(float x) {
  x = x < -87.0F ? -87.0F : x;
  // x = n ln 2 + r; n, a small integer, is left in the lowest bits of n + 1.5 * 2^23.
  constexpr float kShift = 12582912.0F;
  const float shifted = x * std::numbers::log2e_v<float> + kShift;
  const float n = shifted - kShift;
  const float r = (x - n * kHighLn2) + n * kLowLn2;
  float y = 1.9875691500e-4F;
  y = y * r + 1.3981999507e-3F;
  y = y * r + 8.3334519073e-3F;
  y = y * r + 4.1665795894e-2F;
  y = y * r + 1.6666665459e-1F;
  y = y * r + 5.0000001201e-1F;
  y = y * r * r + r + 1;
  const std::uint32_t power = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3F800000U;
  return y * std::bit_cast<float>(power);
}

// log(x). REQUIRES: x is positive and normal.
inline float log_of(float x) {
  // x = 2^exponent * (1 + m), 1 + m between sqrt(1/2) and sqrt(2).
  constexpr std::uint32_t kOne = 0x3F800000U;
  constexpr std::uint32_t kRootOfHalf = 0x3F3504F3U;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t biased = (bits + (kOne - kRootOfHalf)) >> 23;
  const auto exponent = static_cast<float>(static_cast<std::int32_t>(biased) - 127);
  const float m = std::bit_cast<float>(bits - (biased << 23) + kOne) - 1;
  const float m2 = m * m;
  float y = 7.0376836292e-2F;
  y = y * m - 1.1514610310e-1F;
  y = y * m + 1.1676998740e-1F;
  y = y * m - 1.2420140846e-1F;
  y = y * m + 1.4249322787e-1F;
  y = y * m - 1.6668057665e-1F;
  y = y * m + 2.0000714765e-1F;
  y = y * m - 2.4999993993e-1F;
  y = y * m + 3.3333331174e-1F;
  y = y * m * m2 - exponent * kLowLn2 - 0.5F * m2;
  return m + y + exponent * kHighLn2;
}

}  // namespace sharpwave
