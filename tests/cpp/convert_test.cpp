#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "reference/plain_convert.hpp"
#include "sharpwave/encode.hpp"
#include "sharpwave/kernels/cpu.hpp"
#include "sharpwave/rng.hpp"

using reference::Format;
using sharpwave::Decode;
using sharpwave::Encoder;
using sharpwave::Field;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Storage {
  Decode::From from;
  Format format;
};

constexpr Storage kStorages[] = {{Decode::From::kHalf, reference::kHalf},
                                 {Decode::From::kBfloat16, reference::kBfloat16}};

Field reals(Decode::From from, std::size_t values, std::size_t itemsize) {
  const char* const dtype = itemsize == sizeof(float) ? "float32" : "float64";
  return {"obs", dtype, itemsize, {static_cast<std::int64_t>(values)}, {from}};
}

// What the kernel makes of one stored row.
template <typename Value, typename Stored>
std::vector<Value> decode(const Field& field, const std::vector<Stored>& stored) {
  std::vector<Value> out(field.values());
  const auto* const row = reinterpret_cast<const std::byte*>(stored.data());
  sharpwave::kernels().gather_for(field, sharpwave::Store::kCached)(
      reinterpret_cast<std::byte*>(out.data()), &row, 0, field.sampled_bytes(), 1,
      field.decode.divisor);
  return out;
}

template <typename Real>
struct Encoded {
  std::vector<std::uint16_t> stored;
  std::size_t held;
};

template <typename Real>
Encoded<Real> encode(Decode::From from, const std::vector<Real>& values) {
  const Encoder encoder(reals(from, values.size(), sizeof(Real)), sizeof(Real));
  Encoded<Real> result{std::vector<std::uint16_t>(values.size()), 0};
  result.held = encoder.encode(reinterpret_cast<const std::byte*>(values.data()), 1,
                               reinterpret_cast<std::byte*>(result.stored.data()));
  return result;
}

std::vector<std::uint16_t> all_of_16_bits() {
  std::vector<std::uint16_t> all(65536);
  std::iota(all.begin(), all.end(), std::uint16_t{0});
  return all;
}

template <typename Real>
bool same_number(Real left, double right) {
  if (std::isnan(right)) return std::isnan(left);
  return left == right && std::signbit(left) == std::signbit(right);
}

// Every number that has to be rounded just so: each value of the format, each midpoint, and the
// numbers next to them; where the range ends, the first that are too large.
template <typename Real>
std::vector<Real> borders(const Format& format) {
  std::vector<Real> all;
  for (std::uint32_t bits = 0; bits < 0x7FFF; ++bits) {
    const double low = reference::value_of(format, static_cast<std::uint16_t>(bits));
    const double high = reference::value_of(format, static_cast<std::uint16_t>(bits + 1));
    if (!std::isfinite(low)) break;
    const double middle = std::isfinite(high) ? low + (high - low) / 2 : low;
    for (const double at : {low, middle}) {
      const auto number = static_cast<Real>(at);
      for (const Real near :
           {std::nextafter(number, -std::numeric_limits<Real>::infinity()), number,
            std::nextafter(number, std::numeric_limits<Real>::infinity())}) {
        all.insert(all.end(), {near, -near});
      }
    }
  }
  return all;
}

template <typename Real, typename Bits>
std::vector<Real> random_bits(std::size_t count) {
  sharpwave::Rng rng(3);
  std::vector<Real> all(count);
  for (Real& value : all) value = std::bit_cast<Real>(static_cast<Bits>(rng.next()));
  return all;
}

// Each number alone, because one that is refused says nothing of those behind it.
template <typename Real>
void check_encoding(const Storage& storage, const std::vector<Real>& numbers) {
  const double largest = reference::value_of(
      storage.format, static_cast<std::uint16_t>(
                          storage.format.largest_exponent() * storage.format.fractions() - 1));
  std::size_t wrong = 0;
  for (const Real number : numbers) {
    const auto encoded = encode(storage.from, std::vector<Real>{number});
    const double expected = reference::rounded(storage.format, number);
    if (std::isfinite(number) && std::abs(expected) > largest) {
      wrong += encoded.held == 0 ? 0 : 1;
    } else {
      const double got = reference::value_of(storage.format, encoded.stored[0]);
      wrong += encoded.held == 1 && same_number(got, expected) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("every half and every bfloat16 is decoded to its value") {
  const std::vector<std::uint16_t> all = all_of_16_bits();
  for (const Storage& storage : kStorages) {
    const auto singles = decode<float>(reals(storage.from, all.size(), sizeof(float)), all);
    const auto doubles = decode<double>(reals(storage.from, all.size(), sizeof(double)), all);
    std::size_t wrong = 0;
    for (const std::uint16_t bits : all) {
      const double expected = reference::value_of(storage.format, bits);
      if (!same_number(singles[bits], expected) || !same_number(doubles[bits], expected)) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("known halves and bfloat16s") {
  CHECK(decode<float>(reals(Decode::From::kHalf, 6, 4),
                      std::vector<std::uint16_t>{0x3C00, 0xC000, 0x7BFF, 0x0001, 0x7C00, 0x8000}) ==
        std::vector<float>{1.0F, -2.0F, 65504.0F, 0x1p-24F, kInfinity, -0.0F});
  CHECK(decode<float>(reals(Decode::From::kBfloat16, 4, 4),
                      std::vector<std::uint16_t>{0x3F80, 0xC000, 0x0001, 0xFF80}) ==
        std::vector<float>{1.0F, -2.0F, 0x1p-133F, -kInfinity});
  CHECK(encode<float>(Decode::From::kHalf, {1.0F, -65504.0F, 0x1p-24F, 0x1p-25F, -0.0F}).stored ==
        std::vector<std::uint16_t>{0x3C00, 0xFBFF, 0x0001, 0x0000, 0x8000});
  CHECK(encode<float>(Decode::From::kBfloat16, {1.0F, 0x1.01p0F, 0x1.03p0F, -3.0F}).stored ==
        std::vector<std::uint16_t>{0x3F80, 0x3F80, 0x3F82, 0xC040});
}

TEST_CASE("a NaN keeps its payload on the way out") {
  const auto out = decode<float>(reals(Decode::From::kHalf, 3, 4),
                                 std::vector<std::uint16_t>{0x7E00, 0xFC01, 0x7FFF});
  CHECK(std::bit_cast<std::uint32_t>(out[0]) == 0x7FC00000U);
  CHECK(std::bit_cast<std::uint32_t>(out[1]) == 0xFF802000U);
  CHECK(std::bit_cast<std::uint32_t>(out[2]) == 0x7FFFE000U);
}

TEST_CASE("infinities and the signs of NaN and zero survive the way in") {
  for (const Storage& storage : kStorages) {
    const auto singles = encode<float>(storage.from, {kInfinity, -kInfinity, kNan, -kNan, -0.0F});
    const auto doubles = encode<double>(storage.from, {kInfinity, -kInfinity, kNan, -kNan, -0.0});
    CHECK(singles.held == 5);
    CHECK(doubles.held == 5);
    CHECK(singles.stored == doubles.stored);
    CHECK(std::isnan(reference::value_of(storage.format, singles.stored[2])));
    CHECK((singles.stored[2] ^ singles.stored[3]) == 0x8000);
    CHECK(reference::value_of(storage.format, singles.stored[1]) == -kInfinity);
    CHECK(singles.stored[4] == 0x8000);
  }
}

TEST_CASE("a NaN whose payload lies only in the bits that are cut off stays NaN") {
  const std::vector<float> signaling{std::bit_cast<float>(0x7F800001U)};
  for (const Storage& storage : kStorages) {
    const auto encoded = encode(storage.from, signaling);
    CHECK(std::isnan(reference::value_of(storage.format, encoded.stored[0])));
  }
}

TEST_CASE("what was stored once is stored so again") {
  std::vector<std::uint16_t> all = all_of_16_bits();
  for (const Storage& storage : kStorages) {
    std::vector<std::uint16_t> numbers;
    std::copy_if(all.begin(), all.end(), std::back_inserter(numbers), [&](std::uint16_t bits) {
      return !std::isnan(reference::value_of(storage.format, bits));
    });
    const auto values = decode<float>(reals(storage.from, numbers.size(), 4), numbers);
    CHECK(encode(storage.from, values).stored == numbers);
  }
}

TEST_CASE("numbers are rounded once, to the nearest, ties to even") {
  for (const Storage& storage : kStorages) {
    check_encoding(storage, borders<float>(storage.format));
    check_encoding(storage, borders<double>(storage.format));
    check_encoding(storage, random_bits<float, std::uint32_t>(200'000));
    check_encoding(storage, random_bits<double, std::uint64_t>(200'000));
  }
}

TEST_CASE("a double is not rounded to float32 first") {
  // Just above the middle of two halves, by less than a float32 can tell.
  CHECK(encode<double>(Decode::From::kHalf, {1.0 + 0x1p-11 + 0x1p-40}).stored[0] == 0x3C01);
  CHECK(encode<double>(Decode::From::kBfloat16, {1.0 + 0x1p-8 + 0x1p-40}).stored[0] == 0x3F81);
}

TEST_CASE("the first number that would become infinite is found") {
  CHECK(encode<float>(Decode::From::kHalf, {65519.0F, 65520.0F, 1.0F, -1e9F}).held == 1);
  CHECK(encode<float>(Decode::From::kHalf, {1.0F, 2.0F, 3.0F, -65520.0F}).held == 3);
  CHECK(encode<double>(Decode::From::kHalf, {kInfinity, 1e300}).held == 1);
  CHECK(encode<float>(Decode::From::kBfloat16, {3.38e38F, 3.4e38F}).held == 1);
  CHECK(encode<double>(Decode::From::kBfloat16, {1e38, -1e39}).held == 1);
}

TEST_CASE("every byte is divided as float32 is") {
  std::vector<std::uint8_t> all(256);
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  for (const float divisor : {1.0F, 255.0F, 256.0F, 127.5F, 3.0F, 0.1F, 1e-36F, 1e38F}) {
    const Field field{"obs", "float32", 4, {256}, {Decode::From::kUint8, divisor}};
    const auto got = decode<float>(field, all);
    std::vector<float> expected;
    for (const int number : all) expected.push_back(static_cast<float>(number) / divisor);
    CHECK(got == expected);
  }
}

TEST_CASE("bits lie eight to a byte, the first one highest") {
  const Field field{"obs", "bool", 1, {11}, {Decode::From::kBits}};
  const std::vector<std::uint8_t> given{1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1};
  std::vector<std::uint8_t> stored(2);
  const auto* const from = reinterpret_cast<const std::byte*>(given.data());
  CHECK(Encoder(field, 1).encode(from, 1, reinterpret_cast<std::byte*>(stored.data())) == 11);
  CHECK(stored == std::vector<std::uint8_t>{0b10110001, 0b01100000});
  CHECK(decode<std::uint8_t>(field, stored) == given);
}

TEST_CASE("bits of every number come back, row by row") {
  sharpwave::Rng rng(4);
  for (std::int64_t values = 1; values <= 40; ++values) {
    const Field field{"obs", "int8", 1, {values}, {Decode::From::kBits}};
    const Encoder encoder(field, 1);
    constexpr std::size_t kRows = 5;
    std::vector<std::uint8_t> given(kRows * field.values());
    for (auto& value : given) value = static_cast<std::uint8_t>(rng.below(2));
    std::vector<std::uint8_t> stored(kRows * field.bytes());
    CHECK(encoder.encode(reinterpret_cast<const std::byte*>(given.data()), kRows,
                         reinterpret_cast<std::byte*>(stored.data())) == given.size());
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto at = stored.begin() + static_cast<std::ptrdiff_t>(row * field.bytes());
      const auto first = given.begin() + static_cast<std::ptrdiff_t>(row * field.values());
      const std::vector<std::uint8_t> packed(at, at + static_cast<std::ptrdiff_t>(field.bytes()));
      const auto out = decode<std::uint8_t>(field, packed);
      CHECK(std::equal(out.begin(), out.end(), first));
    }
  }
}

TEST_CASE("the first value that is no bit is found") {
  constexpr std::size_t kValues = 19;
  const Field field{"obs", "int8", 1, {kValues}, {Decode::From::kBits}};
  const Encoder encoder(field, 1);
  for (std::size_t place = 0; place < 2 * kValues; ++place) {
    for (const int no_bit : {2, 3, 128, 255}) {
      std::vector<std::uint8_t> given(2 * kValues, 1);
      given[place] = static_cast<std::uint8_t>(no_bit);
      given.back() = static_cast<std::uint8_t>(no_bit);
      std::vector<std::byte> stored(2 * field.bytes());
      CHECK(encoder.encode(reinterpret_cast<const std::byte*>(given.data()), 2, stored.data()) ==
            place);
    }
  }
}

TEST_CASE("values that are given as they are stored need no encoder") {
  CHECK(!Encoder().is_needed());
  CHECK(!Encoder({"obs", "float32", 4, {3}}, 4).is_needed());
  CHECK(!Encoder({"obs", "float32", 4, {3}, {Decode::From::kHalf}}, 2).is_needed());
  CHECK(!Encoder({"obs", "float32", 4, {3}, {Decode::From::kUint8, 255.0F}}, 1).is_needed());
  CHECK(Encoder({"obs", "float32", 4, {3}, {Decode::From::kHalf}}, 4).is_needed());
  CHECK(Encoder({"obs", "bool", 1, {}, {Decode::From::kBits}}, 1).is_needed());
}
