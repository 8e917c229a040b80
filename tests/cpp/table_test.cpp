#include "sharpwave/table.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "sharpwave/error.hpp"

using sharpwave::Field;
using sharpwave::Meta;
using sharpwave::Table;

namespace {

const std::vector<Field> kMixed = {
    {"obs", "uint8", 1, {3}}, {"image", "uint8", 1, {28, 28}}, {"action", "int64", 8, {}}};

}  // namespace

TEST_CASE("small fields share a record and large ones have a column alone") {
  const Table table(kMixed, 10, Table::WithMeta::kYes);
  CHECK(table.columns()[0].stride == table.records().stride);
  CHECK(table.columns()[2].stride == table.records().stride);
  CHECK(table.columns()[1].stride == 832);  // 784 bytes in whole cache lines
  CHECK(table.records().bytes == 24);       // 3, up to 8, 8, and 8 of meta
}

TEST_CASE("values are aligned to their own size") {
  const Table table(kMixed, 3, Table::WithMeta::kYes);
  CHECK(reinterpret_cast<std::uintptr_t>(table.columns()[2].row(1)) % 8 == 0);
}

TEST_CASE("no two values overlap") {
  const Table table(kMixed, 4, Table::WithMeta::kYes);
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t f = 0; f < kMixed.size(); ++f) {
      std::memset(table.columns()[f].row(row), static_cast<int>(10 * row + f), kMixed[f].bytes());
    }
    table.meta(row) = {true, false, Meta::kCut, static_cast<std::uint32_t>(row)};
  }
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t f = 0; f < kMixed.size(); ++f) {
      const std::vector<std::byte> expected(kMixed[f].bytes(),
                                            static_cast<std::byte>(10 * row + f));
      CHECK(std::memcmp(table.columns()[f].row(row), expected.data(), expected.size()) == 0);
    }
    CHECK(table.meta(row).successor == row);
    CHECK(table.meta(row).is_cut());
  }
}

TEST_CASE("a size that cannot be said is refused before anything is allocated") {
  CHECK_THROWS_AS((void)Table::bytes(kMixed, std::size_t{1} << 62, Table::WithMeta::kYes),
                  sharpwave::OutOfMemory);
}
