#include "sharpwave/schema.hpp"

#include <doctest/doctest.h>

#include "sharpwave/error.hpp"

using sharpwave::Decode;
using sharpwave::Field;
using sharpwave::InvalidValue;
using sharpwave::Schema;

namespace {

const Field kObs{"obs", "float32", 4, {17}};
const Field kAction{"action", "int64", 8, {}};

}  // namespace

TEST_CASE("fields are ordered obs, action, reward, extras") {
  const Schema schema({kObs}, {kAction}, {{"log_prob", "float32", 4, {}}});
  CHECK(schema.fields().size() == 4);
  CHECK(schema.obs()[0].name == "obs");
  CHECK(schema.action()[0].name == "action");
  CHECK(schema.fields()[schema.reward()].name == "reward");
  CHECK(schema.extras()[0].name == "log_prob");
}

TEST_CASE("bytes are itemsize times shape") {
  CHECK(kObs.bytes() == 68);
  CHECK(kAction.bytes() == 8);
}

TEST_CASE("what is stored may be smaller than what is sampled") {
  const Field half{"obs", "float64", 8, {3}, {Decode::From::kHalf}};
  CHECK(half.bytes() == 6);
  CHECK(half.sampled_bytes() == 24);
  const Field image{"obs", "float32", 4, {84, 84}, {Decode::From::kUint8, 255.0F}};
  CHECK(image.bytes() == 7056);
  CHECK(image.sampled_bytes() == 28224);
  const Field bits{"obs", "bool", 1, {3, 3}, {Decode::From::kBits}};
  CHECK(bits.values() == 9);
  CHECK(bits.bytes() == 2);
  CHECK(bits.sampled_bytes() == 9);
  const Field one{"obs", "bool", 1, {}, {Decode::From::kBits}};
  CHECK(one.bytes() == 1);
}

TEST_CASE("a row of more than 2^62 bytes is refused before it wraps") {
  const Field huge{"obs", "uint8", 1, {std::int64_t{1} << 31, std::int64_t{1} << 31, 4}};
  CHECK_THROWS_AS((void)huge.bytes(), InvalidValue);
}

TEST_CASE("empty fields and equal names are refused") {
  CHECK_THROWS_AS(Schema({{"obs", "uint8", 1, {0}}}, {kAction}, {}), InvalidValue);
  CHECK_THROWS_AS(Schema({kObs}, {kAction}, {{"reward", "float32", 4, {}}}), InvalidValue);
}
