#include "sharpwave/samplers/without_replacement.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "reference/naive_without_replacement.hpp"
#include "sharpwave/error.hpp"

using sharpwave::InvalidValue;
using sharpwave::Ring;
using sharpwave::Rng;
using sharpwave::WithoutReplacement;

namespace {

using Places = std::vector<std::uint64_t>;

Places draw(WithoutReplacement& sampler, Rng& rng, std::size_t count) {
  Places places(count);
  Places seen;
  sampler.draw(rng, places, [&](std::uint64_t place) { seen.push_back(place); });
  CHECK(seen == places);
  return places;
}

WithoutReplacement filled(std::size_t places, std::size_t rows) {
  WithoutReplacement sampler(places);
  for (std::size_t place = 0; place < rows; ++place) sampler.added(place);
  return sampler;
}

Places sorted(Places places) {
  std::sort(places.begin(), places.end());
  return places;
}

Places counting(std::size_t rows) {
  Places places(rows);
  std::iota(places.begin(), places.end(), 0U);
  return places;
}

Ring pushed(std::size_t capacity, int times) {
  Ring ring(capacity);
  for (int i = 0; i < times; ++i) ring.push();
  return ring;
}

double chi_square(const std::vector<int>& counts) {
  const double expected =
      std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

}  // namespace

TEST_CASE("the draws without replacement of seed 12345 are pinned for ever") {
  WithoutReplacement sampler = filled(10, 10);
  Rng rng(12345);
  CHECK(draw(sampler, rng, 20) ==
        Places{5, 1, 0, 8, 6, 3, 7, 2, 4, 9, 2, 4, 1, 5, 7, 3, 0, 6, 8, 9});
}

TEST_CASE("every row is drawn once an epoch, whatever the batches are") {
  WithoutReplacement sampler = filled(1000, 700);
  Rng rng(1);
  CHECK(sorted(draw(sampler, rng, 700)) == counting(700));
  Places epoch;
  for (const std::size_t batch : {1U, 69U, 256U, 374U}) {
    const Places drawn = draw(sampler, rng, batch);
    epoch.insert(epoch.end(), drawn.begin(), drawn.end());
  }
  CHECK(sorted(epoch) == counting(700));
}

TEST_CASE("an epoch ends and the next begins in the middle of a batch") {
  WithoutReplacement sampler = filled(8, 5);
  Rng rng(2);
  const Places drawn = draw(sampler, rng, 13);
  CHECK(sorted(Places(drawn.begin(), drawn.begin() + 5)) == counting(5));
  CHECK(sorted(Places(drawn.begin() + 5, drawn.begin() + 10)) == counting(5));
  CHECK(sampler.state().pending == 2);
}

TEST_CASE("a row stored later joins the epoch, a row in another's place takes over its turn") {
  WithoutReplacement sampler = filled(4, 3);
  Rng rng(3);
  const std::uint64_t drawn = draw(sampler, rng, 1).front();
  const std::uint64_t waiting = (drawn + 1) % 3;
  sampler.added(waiting);  // over a row that was not drawn: nothing changes
  CHECK(sampler.state().pending == 2);
  sampler.added(drawn);  // over a row that was drawn: the new one was not
  CHECK(sampler.state().pending == 3);
  sampler.added(3);
  CHECK(sampler.state().pending == 4);
  CHECK(sorted(draw(sampler, rng, 4)) == counting(4));
}

TEST_CASE("one row is drawn again and again") {
  WithoutReplacement sampler = filled(1, 1);
  Rng rng(4);
  CHECK(draw(sampler, rng, 3) == Places{0, 0, 0});
}

TEST_CASE("clear forgets rows and turns") {
  WithoutReplacement sampler = filled(6, 6);
  Rng rng(5);
  draw(sampler, rng, 4);
  sampler.clear();
  CHECK(sampler.state().order.empty());
  sampler.added(4);
  sampler.added(2);
  CHECK(sorted(draw(sampler, rng, 2)) == Places{2, 4});
}

TEST_CASE("random operations agree with the naive twin") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng choice(seed, 1);
    Rng rng(seed);
    const std::uint64_t places = 1 + choice.below(40);
    WithoutReplacement sampler(places);
    NaiveWithoutReplacement twin;
    for (int operation = 0; operation < 2000; ++operation) {
      const std::uint64_t kind = choice.below(100);
      if (kind < 50) {
        const std::uint64_t place = choice.below(places);
        sampler.added(place);
        twin.added(place);
      } else if (kind < 99 && !twin.stored.empty()) {
        for (const std::uint64_t place : draw(sampler, rng, 1 + choice.below(2 * places))) {
          REQUIRE(twin.drawn(place));
        }
      } else if (kind == 99 && choice.below(10) == 0) {
        sampler.clear();
        twin.clear();
      }
      const auto [order, pending] = sampler.state();
      const auto middle = order.begin() + static_cast<std::ptrdiff_t>(pending);
      REQUIRE(std::set<std::uint64_t>(order.begin(), middle) == twin.pending);
      REQUIRE(std::set<std::uint64_t>(order.begin(), order.end()) == twin.stored);
      REQUIRE(order.size() == twin.stored.size());
    }
  }
}

TEST_CASE("whichever rows are left, each is as likely to be next") {
  // The first two draws of an epoch, as one of 6 * 5 pairs, and the last draw.
  constexpr int kEpochs = 60000;
  WithoutReplacement sampler = filled(6, 6);
  Rng rng(6);
  std::vector<int> pairs(36);
  std::vector<int> last(6);
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const Places drawn = draw(sampler, rng, 6);
    ++pairs[6 * drawn[0] + drawn[1]];
    ++last[drawn[5]];
  }
  for (std::size_t i = 0; i < 6; ++i) CHECK(pairs[7 * i] == 0);
  std::erase(pairs, 0);
  CHECK(pairs.size() == 30);
  CHECK(chi_square(pairs) < 90);   // 29 degrees of freedom: p = 4e-8
  CHECK(chi_square(last) < 45);    // 5 degrees of freedom: p = 1e-8
  pairs.front() += kEpochs / 100;  // one pair that comes a little too often
  CHECK(chi_square(pairs) > 90);
}

TEST_CASE("a sampler goes on from another one's state") {
  WithoutReplacement sampler = filled(6, 5);
  Rng rng(7);
  draw(sampler, rng, 7);
  WithoutReplacement other(6);
  const std::vector<Ring> rings = {pushed(3, 4), pushed(3, 2)};
  other.restore(sampler.state(), rings);
  Rng same(rng.state());
  CHECK(draw(sampler, rng, 20) == draw(other, same, 20));
  WithoutReplacement empty(6);
  other.restore(empty.state(), std::vector<Ring>(2, Ring(3)));
  CHECK(other.state().order.empty());
}

TEST_CASE("a state that does not name each stored row once is refused and changes nothing") {
  const std::vector<Ring> rings = {pushed(3, 3), pushed(3, 1)};
  WithoutReplacement sampler = filled(6, 4);
  const std::vector<std::uint32_t> right = {3, 0, 2, 1};
  sampler.restore({right, 2}, rings);
  const auto refused = [&](const std::vector<std::uint32_t>& order, std::size_t pending) {
    CHECK_THROWS_AS(sampler.restore({order, pending}, rings), InvalidValue);
    CHECK(std::ranges::equal(sampler.state().order, right));
    CHECK(sampler.state().pending == 2);
  };
  refused(right, 5);            // more to be drawn than are stored
  refused(right, 0);            // none to be drawn
  refused({3, 0, 2}, 2);        // a row too few
  refused({3, 0, 2, 1, 4}, 2);  // a row too many
  refused({3, 0, 2, 2}, 2);     // one twice
  refused({3, 0, 2, 4}, 2);     // a slot of the second ring that is empty
  refused({3, 0, 2, 6}, 2);     // a third ring
  refused({3, 0, 2, 1U << 31U}, 2);
}

TEST_CASE("more rows than 32 bits can name are refused") {
  CHECK_THROWS_WITH_AS(WithoutReplacement(std::size_t{1} << 32U),
                       "capacity: expected at most 2^32 - 1 rows without replacement, got "
                       "4294967296",
                       InvalidValue);
}
