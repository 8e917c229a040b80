#pragma once
// The slow twin of every conversion: a value at a time, by arithmetic on doubles.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "sharpwave/schema.hpp"

namespace reference {

// A binary format of 16 bits: one of sign, then exponent, then fraction.
struct Format {
  int fraction_bits;
  int bias;

  [[nodiscard]] int fractions() const { return 1 << fraction_bits; }
  [[nodiscard]] int largest_exponent() const { return 0x8000 / fractions() - 1; }
};

inline constexpr Format kHalf{10, 15};
inline constexpr Format kBfloat16{7, 127};

// IEEE 754, section 3.4; every value of these formats is a double.
inline double value_of(const Format& format, std::uint16_t bits) {
  const int magnitude = bits & 0x7FFF;
  const int exponent = magnitude / format.fractions();
  const int fraction = magnitude % format.fractions();
  double value = 0;
  if (exponent == format.largest_exponent()) {
    value = fraction == 0 ? std::numeric_limits<double>::infinity()
                          : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(fraction, 1 - format.bias - format.fraction_bits);
  } else {
    value =
        std::ldexp(format.fractions() + fraction, exponent - format.bias - format.fraction_bits);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

// The nearest value, ties to even, with an infinite range of exponents above.
inline double rounded(const Format& format, double number) {
  if (number == 0 || !std::isfinite(number)) return number;
  int exponent = 0;
  (void)std::frexp(number, &exponent);
  const int unit = std::max(exponent - 1, 1 - format.bias) - format.fraction_bits;
  return std::ldexp(std::nearbyint(std::ldexp(number, -unit)), unit);
}

// NaN comes out with the payload that was stored, as a move of the bits gives it.
inline void put_real(const Format& format, std::uint16_t bits, std::size_t itemsize,
                     std::byte* out) {
  const double value = value_of(format, bits);
  auto single = static_cast<float>(value);
  if (std::isnan(value)) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
    const std::uint32_t payload = static_cast<std::uint32_t>(bits & (format.fractions() - 1))
                                  << (23 - format.fraction_bits);
    const std::uint32_t nan = sign | 0x7F800000U | payload;
    std::memcpy(&single, &nan, sizeof(single));
  }
  const double wide = single;
  std::memcpy(out, itemsize == sizeof(float) ? static_cast<const void*>(&single) : &wide, itemsize);
}

inline void put_value(const sharpwave::Field& field, const std::byte* stored, std::size_t i,
                      std::byte* out) {
  using From = sharpwave::Decode::From;
  const From from = field.decode.from;
  if (from == From::kHalf || from == From::kBfloat16) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, stored + i * sizeof(bits), sizeof(bits));
    put_real(from == From::kHalf ? kHalf : kBfloat16, bits, field.itemsize, out);
  } else if (from == From::kUint8) {
    const float number = static_cast<float>(std::to_integer<int>(stored[i])) / field.decode.divisor;
    std::memcpy(out, &number, sizeof(number));
  } else if (from == From::kBits) {
    *out = (stored[i / 8] >> (7 - i % 8)) & std::byte{1};
  } else {
    std::memcpy(out, stored + i * field.itemsize, field.itemsize);
  }
}

// A stored value of the field as a batch has it.
inline std::vector<std::byte> decoded(const sharpwave::Field& field, const std::byte* stored) {
  std::vector<std::byte> out(field.sampled_bytes());
  for (std::size_t i = 0; i < field.values(); ++i) {
    put_value(field, stored, i, out.data() + i * field.itemsize);
  }
  return out;
}

}  // namespace reference
