#include "sharpwave/ring.hpp"

#include <doctest/doctest.h>

using sharpwave::Ring;

TEST_CASE("a ring fills in order and then overwrites the oldest") {
  Ring ring(3);
  CHECK(ring.size() == 0);
  CHECK(ring.next_slot() == 0);
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
  CHECK(ring.next_slot() == 0);
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
