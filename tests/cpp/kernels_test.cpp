#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "reference/plain_convert.hpp"
#include "sharpwave/kernels/cpu.hpp"
#include "sharpwave/rng.hpp"

using sharpwave::Decode;
using sharpwave::Field;

TEST_CASE("gathering copies every size of row from every stride") {
  sharpwave::Rng rng(1);
  constexpr std::size_t kRows = 40;
  for (const std::size_t bytes : {1,  2,  3,  4,  5,  7,  8,  9,   12,  15,  16,  17,   24,  31,
                                  32, 33, 63, 64, 65, 68, 96, 128, 255, 256, 257, 1504, 5000}) {
    const std::size_t stride = bytes + rng.below(9);
    const std::size_t offset = rng.below(5);
    std::vector<std::byte> source(kRows * stride + offset);
    for (std::byte& value : source) value = static_cast<std::byte>(rng.next());
    for (const std::size_t count : {0, 1, 2, 33}) {
      std::vector<const std::byte*> rows(count);
      for (auto& row : rows) row = source.data() + rng.below(kRows) * stride;
      std::vector<std::byte> out(count * bytes + 1, std::byte{0x5A});
      const Field field{"obs", "uint8", 1, {static_cast<std::int64_t>(bytes)}};
      sharpwave::kernels().gather_for(field, sharpwave::Store::kCached)(out.data(), rows.data(),
                                                                        offset, bytes, count, 1.0F);
      for (std::size_t i = 0; i < count; ++i) {
        CHECK(std::memcmp(out.data() + i * bytes, rows[i] + offset, bytes) == 0);
      }
      CHECK(out.back() == std::byte{0x5A});  // nothing is written behind the last row
    }
  }
}

TEST_CASE("streaming copies every size of row to every place") {
  sharpwave::Rng rng(3);
  constexpr std::size_t kRows = 5;
  for (const std::size_t bytes : {4, 200, 257, 258, 319, 320, 321, 384, 1000, 4097, 7056}) {
    const Field field{"obs", "uint8", 1, {static_cast<std::int64_t>(bytes)}};
    const auto gather = sharpwave::kernels().gather_for(field, sharpwave::Store::kStreamed);
    std::vector<std::byte> source(kRows * bytes);
    for (std::byte& value : source) value = static_cast<std::byte>(rng.next());
    std::vector<const std::byte*> rows(kRows);
    for (auto& row : rows) row = source.data() + rng.below(kRows) * bytes;
    for (std::size_t shift = 1; shift <= 64; ++shift) {
      std::vector<std::byte> out(shift + kRows * bytes + 1, std::byte{0x5A});
      gather(out.data() + shift, rows.data(), 0, bytes, kRows, 1.0F);
      for (std::size_t i = 0; i < kRows; ++i) {
        CHECK(std::memcmp(out.data() + shift + i * bytes, rows[i], bytes) == 0);
      }
      CHECK(out[shift - 1] == std::byte{0x5A});
      CHECK(out.back() == std::byte{0x5A});
    }
  }
}

TEST_CASE("decoding reads every length from every stride and writes nothing behind it") {
  sharpwave::Rng rng(2);
  const auto check = [&](const Field& field) {
    const std::size_t stride = field.bytes() + rng.below(9);
    const std::size_t offset = rng.below(5);
    constexpr std::size_t kCount = 11;
    std::vector<std::byte> source(kCount * stride + offset);
    for (std::byte& value : source) value = static_cast<std::byte>(rng.next());
    std::vector<const std::byte*> rows(kCount);
    for (auto& row : rows) row = source.data() + rng.below(kCount) * stride;
    const std::size_t bytes = field.sampled_bytes();
    std::vector<std::byte> out(kCount * bytes + 1, std::byte{0x5A});
    sharpwave::kernels().gather_for(field, sharpwave::Store::kCached)(
        out.data(), rows.data(), offset, bytes, kCount, field.decode.divisor);
    for (std::size_t i = 0; i < kCount; ++i) {
      const auto expected = reference::decoded(field, rows[i] + offset);
      CHECK(std::memcmp(out.data() + i * bytes, expected.data(), bytes) == 0);
    }
    CHECK(out.back() == std::byte{0x5A});
  };
  for (const std::int64_t values : {1, 2, 3, 7, 8, 9, 16, 31, 33, 64, 100, 255, 257, 1500, 5000}) {
    check({"obs", "float32", 4, {values}, {Decode::From::kHalf}});
    check({"obs", "float64", 8, {values}, {Decode::From::kHalf}});
    check({"obs", "float32", 4, {values}, {Decode::From::kBfloat16}});
    check({"obs", "float64", 8, {values}, {Decode::From::kBfloat16}});
    check({"obs", "float32", 4, {values}, {Decode::From::kUint8}});
    check({"obs", "float32", 4, {values}, {Decode::From::kUint8, 255.0F}});
    check({"obs", "int8", 1, {values}, {Decode::From::kBits}});
  }
}

TEST_CASE("the environment names the kernels") {
  const char* const wanted = std::getenv("SHARPWAVE_CPU");
  if (wanted != nullptr && std::string(wanted) == "baseline") {
    CHECK(std::string(sharpwave::kernels().name) == "baseline");
  }
}
