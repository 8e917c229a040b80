#include "sharpwave/samplers/recency.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "sharpwave/error.hpp"

using sharpwave::InvalidValue;
using sharpwave::Recency;
using sharpwave::Ring;
using sharpwave::Rng;

namespace {

Ring pushed(std::size_t capacity, int times) {
  Ring ring(capacity);
  for (int i = 0; i < times; ++i) ring.push();
  return ring;
}

std::vector<std::int64_t> next_batch(Recency& recency, Rng& rng, std::span<const Ring> rings,
                                     std::size_t size) {
  std::vector<std::uint64_t> rows(size);
  std::vector<std::int64_t> index(size);
  recency.next(rng, rings).draw({rows, index}, [](std::uint64_t) {});
  for (std::size_t i = 0; i < size; ++i) {
    const auto environment = static_cast<std::size_t>(index[i]) % rings.size();
    const std::size_t slot = rows[i] - environment * rings.front().capacity();
    const std::int64_t time = index[i] / static_cast<std::int64_t>(rings.size());
    const std::size_t age = static_cast<std::size_t>(time - rings[environment].oldest());
    REQUIRE(slot == rings[environment].slot(age));
  }
  return index;
}

// How many of the newest rows the next batch draws from, seen from outside: so many draws that a
// row is missed with probability below 1e-8.
std::size_t width(Recency& recency, Rng& rng, const Ring& ring) {
  const auto index = next_batch(recency, rng, std::vector<Ring>{ring}, 30 * ring.size());
  return static_cast<std::size_t>(ring.count() - *std::min_element(index.begin(), index.end()));
}

// The definition, row by row: which rows may be drawn, by ring and then by age.
std::vector<std::int64_t> plain_rows(const Recency::State& state, std::span<const Ring> rings) {
  double capacity = 0;
  double stored = 0;
  for (const Ring& ring : rings) {
    capacity += static_cast<double>(ring.capacity());
    stored += static_cast<double>(ring.size());
  }
  const double power =
      1000.0 * static_cast<double>(state.update) / static_cast<double>(state.updates);
  double newest = std::round(capacity * std::pow(state.eta, power));
  newest = std::max(newest, static_cast<double>(state.min_rows));
  std::vector<std::int64_t> rows;
  for (std::size_t environment = 0; environment < rings.size(); ++environment) {
    const Ring& ring = rings[environment];
    const double part =
        std::round(static_cast<double>(ring.size()) * std::min(1.0, newest / stored));
    const std::int64_t begin = ring.count() - std::max<std::int64_t>(1, std::llround(part));
    for (std::int64_t time = ring.oldest(); time < ring.count(); ++time) {
      const std::int64_t index = time * static_cast<std::int64_t>(rings.size());
      if (time >= begin) rows.push_back(index + static_cast<std::int64_t>(environment));
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("each update of a phase draws from fewer rows, and then the phase begins anew") {
  // 100 * 0.5^k, to the nearest row, but never fewer than 5.
  Recency recency({0.5, 5, 1000, 0});
  Rng rng(1);
  for (const std::size_t expected : {100U, 50U, 25U, 13U, 6U, 5U, 5U}) {
    CHECK(width(recency, rng, pushed(100, 250)) == expected);
  }
  CHECK(recency.state().update == 7);
  Recency short_phase({0.996, 5, 3, 0});
  for (int phase = 0; phase < 2; ++phase) {
    // 0.996^(1000 k / 3) is 1, 0.2629, 0.0691.
    for (const std::size_t expected : {100U, 26U, 7U}) {
      CHECK(width(short_phase, rng, pushed(100, 250)) == expected);
    }
  }
}

TEST_CASE("the widths of the paper: a million rows, a thousand updates, eta 0.996") {
  std::vector<Ring> rings = {pushed(1000000, 1000001)};
  Rng rng(2);
  const auto oldest_drawn = [&](std::uint64_t update) {
    Recency recency({0.996, 5000, 1000, update});
    const auto index = next_batch(recency, rng, rings, 100000);
    return rings.front().count() - *std::min_element(index.begin(), index.end());
  };
  // The oldest of 100,000 draws is a little younger.
  const std::vector<std::pair<std::uint64_t, double>> widths = {
      {0, 1e6}, {1, 996000}, {100, 669783}, {500, 134794}, {999, 18242}};
  for (const auto& [update, expected] : widths) {
    const auto drawn = static_cast<double>(oldest_drawn(update));
    CHECK(drawn <= expected + 1);
    CHECK(drawn > expected * (1 - 5e-4));
  }
}

TEST_CASE("N is the capacity, so a buffer that fills is drawn from whole for longer") {
  Recency recency({0.5, 1, 1000, 0});
  Rng rng(3);
  for (const std::size_t expected : {30U, 30U, 25U, 13U}) {
    CHECK(width(recency, rng, pushed(100, 30)) == expected);
  }
}

TEST_CASE("of several rings it is the same share, and at least one row of each") {
  const std::vector<Ring> rings = {pushed(40, 100), pushed(40, 0), pushed(40, 20), pushed(40, 1)};
  // c_k = 160 * 0.5^2 = 40 of 61 rows: 26.2 of 40, 13.1 of 20 and 0.66 of 1.
  Recency recency({0.5, 1, 1000, 2});
  Rng rng(4);
  auto index = next_batch(recency, rng, rings, 5000);
  std::vector<std::set<std::int64_t>> times(4);
  for (const std::int64_t i : index) times[static_cast<std::size_t>(i % 4)].insert(i / 4);
  CHECK(times[0].size() == 26);
  CHECK(*times[0].begin() == 74);
  CHECK(times[1].empty());
  CHECK(times[2].size() == 13);
  CHECK(*times[2].begin() == 7);
  CHECK(times[3] == std::set<std::int64_t>{0});
  Recency narrow({0.5, 1, 1000, 900});
  index = next_batch(narrow, rng, rings, 500);
  CHECK(std::set<std::int64_t>(index.begin(), index.end()) == std::set<std::int64_t>{396, 78, 3});
}

TEST_CASE("the draws are a plain version's, from the same stream") {
  Rng choice(5);
  for (int run = 0; run < 300; ++run) {
    std::vector<Ring> rings;
    const std::uint64_t count = 1 + choice.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      rings.push_back(pushed(12, static_cast<int>(choice.below(30))));
    }
    rings.back().push();
    const std::uint64_t updates = 1 + choice.below(20);
    const double eta = 1 - 0.01 * static_cast<double>(choice.below(3));
    Recency recency({eta, 1 + choice.below(8), updates, choice.below(updates)});
    const auto rows = plain_rows(recency.state(), rings);
    Rng rng(static_cast<std::uint64_t>(run));
    Rng plain = rng;
    for (const std::int64_t index : next_batch(recency, rng, rings, 50)) {
      REQUIRE(index == rows[plain.below(rows.size())]);
    }
    CHECK(rng.state() == plain.state());
  }
}

TEST_CASE("setting the number of updates begins a phase, setting eta does not") {
  Recency recency({0.5, 5, 1000, 3});
  recency.set_eta(0.9);
  CHECK(recency.state().update == 3);
  recency.set_updates(7);
  CHECK(recency.state().update == 0);
  CHECK(recency.state().updates == 7);
  CHECK(recency.state().eta == 0.9);
}

TEST_CASE("with eta 1 it is uniform") {
  Recency recency({1.0, 1, 10, 9});
  const std::vector<Ring> rings = {pushed(1000, 1500)};
  Rng rng(12345);
  CHECK(next_batch(recency, rng, rings, 4) == std::vector<std::int64_t>{1053, 704, 585, 675});
}

TEST_CASE("a state outside its ranges is refused and changes nothing") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double eta : {0.0, -0.5, 1.001, nan}) {
    CHECK_THROWS_AS(Recency({eta, 1, 1, 0}), InvalidValue);
  }
  CHECK_THROWS_AS(Recency({0.9, 0, 1, 0}), InvalidValue);
  CHECK_THROWS_AS(Recency({0.9, 1, 0, 0}), InvalidValue);
  CHECK_THROWS_WITH_AS(Recency({0.9, 1, 5, 5}),
                       "update: expected one of 0 to updates - 1 = 4, got 5", InvalidValue);
  Recency recency({0.9, 1, 5, 2});
  CHECK_THROWS_AS(recency.set_eta(nan), InvalidValue);
  CHECK_THROWS_AS(recency.set_updates(0), InvalidValue);
  CHECK(recency.state().eta == 0.9);
  CHECK(recency.state().update == 2);
}
