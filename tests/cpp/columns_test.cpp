#include "sharpwave/columns.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "sharpwave/error.hpp"

using sharpwave::Columns;
using sharpwave::Field;

namespace {

// One field in the records and one with a column of its own.
std::vector<Field> small_and_large() {
  return {{"small", "uint16", 2, {3}}, {"large", "uint8", 1, {300}}};
}

std::vector<std::byte> value(std::size_t bytes, int row) {
  std::vector<std::byte> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<std::byte>(row * 31 + int(i));
  return made;
}

}  // namespace

TEST_CASE("columns: every row is taken as it was put") {
  Columns columns(small_and_large(), 70);
  for (int row = 0; row < 70; ++row) {
    columns.put(0, row, 1, value(6, row).data());
    columns.put(1, row, 1, value(300, row).data());
  }
  std::vector<std::int64_t> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(i * 13 % 70);
  const Columns::Layout layout = columns.layout(rows.size(), {true, true});
  std::vector<std::byte> block(layout.bytes);
  columns.take(rows, layout, block.data());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto small = value(6, int(rows[i]));
    const auto large = value(300, int(rows[i]));
    CHECK(std::memcmp(block.data() + layout.offsets[0] + i * 6, small.data(), 6) == 0);
    CHECK(std::memcmp(block.data() + layout.offsets[1] + i * 300, large.data(), 300) == 0);
  }
}

TEST_CASE("columns: several rows are put at once, in both kinds of columns") {
  Columns columns(small_and_large(), 8);
  const std::vector<std::byte> three = value(3 * 6, 5);
  columns.put(0, 2, 3, three.data());
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(std::memcmp(columns.column(0).row(2 + i), three.data() + i * 6, 6) == 0);
  }
  const std::vector<std::byte> two = value(2 * 300, 7);
  columns.put(1, 6, 2, two.data());
  CHECK(std::memcmp(columns.column(1).row(7), two.data() + 300, 300) == 0);
}

TEST_CASE("columns: values are scattered, into records and into columns alone") {
  std::vector<Field> fields = small_and_large();
  fields.push_back({"alone", "int16", 2, {1}});
  fields.back().is_alone = true;
  Columns columns(fields, 8);
  CHECK(columns.column(2).stride == 2);
  const std::vector<std::int64_t> rows{6, 1, 6};
  const std::size_t sizes[] = {6, 300, 2};
  for (std::size_t f = 0; f < 3; ++f) {
    const std::vector<std::byte> values = value(3 * sizes[f], 4);
    columns.scatter(f, rows, values.data());
    CHECK(std::memcmp(columns.column(f).row(1), values.data() + sizes[f], sizes[f]) == 0);
    CHECK(std::memcmp(columns.column(f).row(6), values.data() + 2 * sizes[f], sizes[f]) == 0);
    const Columns::Layout layout = columns.layout(3, {true, true, true});
    std::vector<std::byte> block(layout.bytes);
    columns.take(rows, layout, block.data());
    CHECK(std::memcmp(block.data() + layout.offsets[f] + sizes[f], values.data() + sizes[f],
                      sizes[f]) == 0);
  }
}

TEST_CASE("columns: what was not chosen is not taken") {
  Columns columns(small_and_large(), 8);
  columns.put(0, 3, 1, value(6, 3).data());
  columns.put(1, 3, 1, value(300, 3).data());
  const std::vector<std::int64_t> rows{3};
  for (const bool is_small : {true, false}) {
    const Columns::Layout layout = columns.layout(1, {is_small, !is_small});
    CHECK(layout.is_skipped(0) == !is_small);
    CHECK(layout.is_skipped(1) == is_small);
    std::vector<std::byte> block(layout.bytes);
    columns.take(rows, layout, block.data());
    const std::size_t bytes = is_small ? 6 : 300;
    CHECK(std::memcmp(block.data(), value(bytes, 3).data(), bytes) == 0);
  }
}

TEST_CASE("columns: a table of large fields alone has no records to fetch") {
  Columns columns({{"large", "uint8", 1, {300}}}, 3);
  columns.put(0, 1, 1, value(300, 9).data());
  const std::vector<std::int64_t> rows{1, 0};
  const Columns::Layout layout = columns.layout(2, {true});
  std::vector<std::byte> block(layout.bytes);
  columns.take(rows, layout, block.data());
  CHECK(std::memcmp(block.data(), value(300, 9).data(), 300) == 0);
  CHECK(block[300] == std::byte{0});
}

TEST_CASE("columns: a stack of frames is refused") {
  Field stack{"obs", "uint8", 1, {4, 8, 8}};
  stack.frames = 4;
  CHECK_THROWS_AS(Columns({stack}, 3), sharpwave::InvalidValue);
}
