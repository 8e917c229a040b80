#include "sharpwave/successor.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <vector>

#include "sharpwave/rng.hpp"

using sharpwave::Field;
using sharpwave::SideRows;

TEST_CASE("rows keep their place and content while others come and go") {
  const std::vector<Field> obs = {{"obs", "int64", 8, {}}, {"image", "uint8", 1, {30, 10}}};
  SideRows side(obs);
  sharpwave::Rng rng(1);
  std::map<std::uint32_t, std::int64_t> held;
  for (std::int64_t i = 0; i < 5000; ++i) {
    if (held.empty() || rng.below(5) < 3) {
      side.reserve(1);
      const std::uint32_t row = side.acquire();
      REQUIRE(held.emplace(row, i).second);
      std::memcpy(side.at(0, row), &i, sizeof(i));
      std::memset(side.at(1, row), static_cast<int>(i % 251), 300);
    } else {
      const auto victim =
          std::next(held.begin(), static_cast<std::ptrdiff_t>(rng.below(held.size())));
      std::int64_t stored = 0;
      std::memcpy(&stored, side.at(0, victim->first), sizeof(stored));
      REQUIRE(stored == victim->second);
      REQUIRE(side.at(1, victim->first)[299] == static_cast<std::byte>(stored % 251));
      side.release(victim->first);
      held.erase(victim);
    }
    REQUIRE(side.in_use() == held.size());
  }
  side.release_all();
  CHECK(side.in_use() == 0);
}
