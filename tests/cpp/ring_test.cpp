#include "sharpwave/ring.hpp"

#include <doctest/doctest.h>

#include <array>

using sharpwave::Insertion;
using sharpwave::Ring;
using sharpwave::Rng;

TEST_CASE("a ring fills in order and then overwrites the oldest") {
  Ring ring(3);
  CHECK(ring.size() == 0);
  ring.push();
  ring.push();
  CHECK(ring.newest_slot() == 1);
  CHECK_FALSE(ring.full());
  ring.push();
  CHECK(ring.full());
  CHECK(ring.oldest() == 0);
  ring.push();
  CHECK(ring.size() == 3);
  CHECK(ring.oldest() == 1);
  CHECK(ring.slot(0) == 1);
  CHECK(ring.slot(1) == 2);
  CHECK(ring.slot(2) == 0);
  CHECK(ring.newest_slot() == 0);
}

TEST_CASE("clear forgets rows and keeps counting") {
  Ring ring(2);
  for (int i = 0; i < 5; ++i) ring.push();
  ring.clear();
  CHECK(ring.size() == 0);
  CHECK(ring.count() == 5);
  ring.push();
  CHECK(ring.oldest() == 5);
  CHECK(ring.slot(0) == 0);
}

TEST_CASE("one row is enough for a ring") {
  Ring ring(1);
  for (int i = 0; i < 3; ++i) {
    ring.push();
    CHECK(ring.size() == 1);
    CHECK(ring.slot(0) == 0);
    CHECK(ring.newest_slot() == 0);
    CHECK(ring.oldest() == i);
  }
}

TEST_CASE("a ring knows which slots hold rows") {
  Ring ring(3);
  CHECK_FALSE(ring.holds(0));
  ring.push();
  ring.push();
  CHECK(ring.holds(0));
  CHECK(ring.holds(1));
  CHECK_FALSE(ring.holds(2));
  for (int i = 0; i < 2; ++i) ring.push();
  for (std::size_t slot = 0; slot < 3; ++slot) CHECK(ring.holds(slot));
}

TEST_CASE("the newest rows of a ring are a ring") {
  Ring ring(4);
  for (int i = 0; i < 6; ++i) ring.push();  // times 2 to 5 in slots 2, 3, 0, 1
  const Ring newest = ring.newest(3);
  CHECK(newest.size() == 3);
  CHECK(newest.oldest() == 3);
  CHECK(newest.count() == 6);
  CHECK(newest.slot(0) == 3);
  CHECK(newest.slot(1) == 0);
  CHECK(newest.slot(2) == 1);
  CHECK_FALSE(newest.holds(2));
  CHECK(newest.holds(3));
  CHECK(ring.newest(4).slot(0) == 2);
  CHECK(ring.newest(0).size() == 0);
}

TEST_CASE("a reservoir keeps every time with the same probability, and finds the kept ones") {
  constexpr int kRuns = 4000;
  constexpr std::int64_t kTimes = 20;
  std::array<int, kTimes> kept{};
  Rng rng(3);
  for (int run = 0; run < kRuns; ++run) {
    Ring ring(5, Insertion::kReservoir);
    for (int i = 0; i < kTimes; ++i) ring.push(ring.choose(rng));
    CHECK(ring.size() == 5);
    CHECK(ring.count() == kTimes);
    for (std::size_t slot = 0; slot < 5; ++slot) {
      ++kept[static_cast<std::size_t>(ring.time(slot))];
      CHECK(ring.find(ring.time(slot)) == slot);
    }
  }
  double chi_square = 0.0;
  constexpr double kExpected = kRuns * 5.0 / kTimes;
  for (const int count : kept) chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  CHECK(chi_square < 60.0);  // 19 degrees of freedom: beyond 1e-5
}
