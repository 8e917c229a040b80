#include "sharpwave/samplers/ranking.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "sharpwave/rng.hpp"

using sharpwave::Ranking;
using sharpwave::Rng;

namespace {

// The definition: all places, sorted anew.
std::vector<std::uint64_t> sorted(const std::map<std::uint64_t, float>& values) {
  std::vector<std::uint64_t> places;
  for (const auto& [place, value] : values) places.push_back(place);
  std::sort(places.begin(), places.end(), [&](std::uint64_t a, std::uint64_t b) {
    return values.at(a) != values.at(b) ? values.at(a) > values.at(b) : a < b;
  });
  return places;
}

void check_is(Ranking& ranking, const std::map<std::uint64_t, float>& values) {
  const std::vector<std::uint64_t> expected = sorted(values);
  REQUIRE(ranking.size() == expected.size());
  bool is_same = true;
  for (std::size_t rank = 0; rank < expected.size(); ++rank) {
    is_same = is_same && ranking.at(rank) == expected[rank] && ranking.rank(expected[rank]) == rank;
  }
  CHECK(is_same);
}

}  // namespace

TEST_CASE("ranking: the largest value comes first, of equal ones the lowest place") {
  Ranking ranking(8);
  ranking.set(3, 1.0F);
  ranking.set(5, 2.0F);
  ranking.set(1, 1.0F);
  ranking.set(6, 0.0F);
  ranking.set(7, -0.0F);
  CHECK(ranking.at(0) == 5);
  CHECK(ranking.at(1) == 1);
  CHECK(ranking.at(2) == 3);
  CHECK(ranking.at(3) == 6);
  CHECK(ranking.at(4) == 7);
  ranking.set(5, 0.5F);
  CHECK(ranking.rank(5) == 2);
  CHECK(ranking.value(5) == 0.5F);
  CHECK_FALSE(ranking.is_ranked(0));
}

TEST_CASE("ranking: after any changes it is the places, sorted anew") {
  Rng rng(7);
  for (const std::uint64_t kinds : {2, 50, 1'000'000}) {  // of values: many ties, and none
    Ranking ranking(5000);
    std::map<std::uint64_t, float> values;
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t place = rng.below(i < 3000 ? 5000 : 700);
      const auto value = static_cast<float>(rng.below(kinds)) / 8;
      ranking.set(place, value);
      values[place] = value;
      if (i % 4999 == 0) check_is(ranking, values);
    }
    check_is(ranking, values);
  }
}

TEST_CASE("ranking: blocks that empty and join lose nothing") {
  Ranking ranking(4000);
  std::map<std::uint64_t, float> values;
  for (std::uint64_t place = 0; place < 4000; ++place) {
    ranking.set(place, static_cast<float>(place));
    values[place] = static_cast<float>(place);
  }
  for (std::uint64_t place = 0; place < 4000; ++place) {  // one block after the other moves down
    if (place % 100 == 0) continue;
    ranking.set(place, 0.0F);
    values[place] = 0.0F;
  }
  check_is(ranking, values);
  ranking.clear();
  CHECK(ranking.size() == 0);
  ranking.set(9, 1.0F);
  CHECK(ranking.at(0) == 9);
}
