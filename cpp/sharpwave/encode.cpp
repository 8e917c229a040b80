#include "sharpwave/encode.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace sharpwave {
namespace {

constexpr std::uint32_t kInfinity = 0x7F800000U;  // of float32
constexpr std::uint32_t kMagnitude = 0x7FFFFFFFU;

template <typename Value>
Value load(const std::byte* from, std::size_t i) {
  Value value{};
  std::memcpy(&value, from + i * sizeof(value), sizeof(value));
  return value;
}

// By a mask, because compilers vectorize what is computed in any case, and not what stands behind a
// condition.
std::uint32_t choose(bool condition, std::uint32_t yes, std::uint32_t no) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

std::uint32_t single_bits(float number) { return std::bit_cast<std::uint32_t>(number); }

// Rounded to odd: what is cut off leaves its trace in the last bit, so that rounding what remains
// to fewer bits is as if it were rounded once (Boldo & Melquiond 2008).
std::uint32_t single_bits(double number) {
  const auto nearest = static_cast<float>(number);
  const double back = nearest;
  const auto is_inexact =
      static_cast<std::uint32_t>(back < number) | static_cast<std::uint32_t>(back > number);
  const auto is_away = static_cast<std::uint32_t>(std::abs(back) > std::abs(number));
  return (std::bit_cast<std::uint32_t>(nearest) - is_away) | is_inexact;
}

struct Half {
  static constexpr std::uint32_t kInfinite = 0x7C00U;

  static std::uint32_t round(std::uint32_t bits) {
    constexpr std::uint32_t kLargeFrom = (127U + 16U) << 23;
    constexpr std::uint32_t kNormalFrom = (127U - 14U) << 23;
    const std::uint32_t magnitude = bits & kMagnitude;
    const std::uint32_t nan = 0x7E00U | ((magnitude >> 13) & 0x03FFU);
    const std::uint32_t large = choose(magnitude > kInfinity, nan, kInfinite);
    const std::uint32_t odd = (magnitude >> 13) & 1U;
    const std::uint32_t normal = (magnitude - (112U << 23) + 0x0FFFU + odd) >> 13;
    // Beside one half, the last place of a float32 is 2^-24: that of the denormal halves.
    const float beside = std::bit_cast<float>(magnitude) + 0.5F;
    const std::uint32_t small = std::bit_cast<std::uint32_t>(beside) - 0x3F000000U;
    const std::uint32_t finite = choose(magnitude < kNormalFrom, small, normal);
    return choose(magnitude >= kLargeFrom, large, finite) | ((bits & ~kMagnitude) >> 16);
  }
};

struct Bfloat16 {
  static constexpr std::uint32_t kInfinite = 0x7F80U;

  static std::uint32_t round(std::uint32_t bits) {
    const std::uint32_t nan = (bits >> 16) | 0x0040U;
    const std::uint32_t number = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
    return choose((bits & kMagnitude) > kInfinity, nan, number);
  }
};

template <typename Format>
bool becomes_infinite(std::uint32_t bits, std::uint32_t encoded) {
  return ((encoded & 0x7FFFU) == Format::kInfinite) & ((bits & kMagnitude) != kInfinity);
}

template <typename Format, typename Real>
std::size_t first_too_large(const std::byte* given, std::size_t values) {
  std::size_t i = 0;
  while (i < values) {
    const std::uint32_t bits = single_bits(load<Real>(given, i));
    if (becomes_infinite<Format>(bits, Format::round(bits))) break;
    ++i;
  }
  return i;
}

template <typename Format, typename Real>
std::size_t encode_reals(const std::byte* given, std::size_t values, std::byte* out) {
  std::uint32_t refused = 0;
  for (std::size_t i = 0; i < values; ++i) {
    const std::uint32_t bits = single_bits(load<Real>(given, i));
    const std::uint32_t encoded = Format::round(bits);
    refused |= static_cast<std::uint32_t>(becomes_infinite<Format>(bits, encoded));
    const auto stored = static_cast<std::uint16_t>(encoded);
    std::memcpy(out + i * sizeof(stored), &stored, sizeof(stored));
  }
  return refused == 0 ? values : first_too_large<Format, Real>(given, values);
}

// Eight bytes of 0 and 1 to one of eight bits: the product brings each of them, and no sum of
// others, to its place in the highest byte.
std::uint8_t pack(std::uint64_t eight) {
  constexpr std::uint64_t kToTheTop =
      std::endian::native == std::endian::little ? 0x8040201008040201U : 0x0102040810204080U;
  return static_cast<std::uint8_t>((eight * kToTheTop) >> 56);
}

std::size_t first_no_bit(const std::byte* given, std::size_t values) {
  std::size_t i = 0;
  while (i < values && load<std::uint8_t>(given, i) <= 1) ++i;
  return i;
}

std::size_t encode_bits(const std::byte* given, std::size_t values, std::byte* out) {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < values / 8; ++i) {
    const auto eight = load<std::uint64_t>(given, i);
    seen |= eight;
    out[i] = std::byte{pack(eight)};
  }
  if (values % 8 != 0) {
    std::uint64_t last = 0;
    std::memcpy(&last, given + values / 8 * 8, values % 8);
    seen |= last;
    out[values / 8] = std::byte{pack(last)};
  }
  return (seen & ~0x0101010101010101U) == 0 ? values : first_no_bit(given, values);
}

}  // namespace

Encoder::Encode Encoder::encode_for(Decode::From stored, std::size_t given_itemsize) {
  const bool is_double = given_itemsize == sizeof(double);
  switch (stored) {
    case Decode::From::kHalf:
      return is_double ? encode_reals<Half, double> : encode_reals<Half, float>;
    case Decode::From::kBfloat16:
      return is_double ? encode_reals<Bfloat16, double> : encode_reals<Bfloat16, float>;
    case Decode::From::kBits:
      return encode_bits;
    case Decode::From::kUint8:
    case Decode::From::kSame:
      break;
  }
  return nullptr;
}

Encoder::Encoder(const Field& field, std::size_t given_itemsize)
    : given_bytes_(field.values() * given_itemsize),
      values_(field.values()),
      bytes_(field.bytes()) {
  const bool is_packed = field.decode.from == Decode::From::kBits;
  if (is_packed || given_itemsize != field.stored_itemsize()) {
    encode_ = encode_for(field.decode.from, given_itemsize);
  }
}

std::size_t Encoder::encode(const std::byte* given, std::size_t rows, std::byte* out) const {
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t held = encode_(given + row * given_bytes_, values_, out + row * bytes_);
    if (held != values_) return row * values_ + held;
  }
  return rows * values_;
}

}  // namespace sharpwave
