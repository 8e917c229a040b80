#include "sharpwave/prefetch.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "sharpwave/error.hpp"
#include "stamped.hpp"

using namespace std::chrono_literals;
using sharpwave::Prefetch;
using sharpwave::ReplayBuffer;

namespace {

constexpr auto kLong = 10s;

sharpwave::Options options() { return {.capacity = 100, .gamma = stamped::kGamma, .seed = 5}; }

void fill(ReplayBuffer& buffer) {
  for (std::int64_t stamp = 0; stamp < 50; ++stamp) stamped::add(buffer, stamp);
}

stamped::Batch next(Prefetch& prefetch) {
  auto batch = prefetch.take(prefetch.ask({}), kLong);
  REQUIRE(batch);
  return {prefetch.layout(), batch ? batch->block : nullptr};
}

}  // namespace

TEST_CASE("batches come in the order of sample() from the same seed") {
  for (const std::size_t depth : {1, 2, 7}) {
    ReplayBuffer buffer(stamped::schema(), options());
    ReplayBuffer twin(stamped::schema(), options());
    fill(buffer);
    fill(twin);
    Prefetch prefetch(buffer, {.columns = {.samples = 16}, .depth = depth}, {});
    for (int i = 0; i < 40; ++i) {
      const stamped::Batch got = next(prefetch);
      const stamped::Batch expected = stamped::batch_of(twin, 16);
      twin.sample({}, expected.layout, expected.block.get());
      CHECK(std::memcmp(got.index(), expected.index(), 16 * sizeof(std::int64_t)) == 0);
    }
  }
}

TEST_CASE("no more than depth batches are drawn ahead") {
  ReplayBuffer buffer(stamped::schema(), options());
  ReplayBuffer twin(stamped::schema(), options());
  fill(buffer);
  fill(twin);
  const stamped::Batch batch = stamped::batch_of(buffer, 16);
  {
    const Prefetch prefetch(buffer, {.columns = {.samples = 16}, .depth = 3}, {});
    std::this_thread::sleep_for(200ms);
  }
  buffer.sample({}, batch.layout, batch.block.get());
  const stamped::Batch fourth = stamped::batch_of(twin, 16);
  for (int i = 0; i < 4; ++i) twin.sample({}, fourth.layout, fourth.block.get());
  CHECK(std::memcmp(batch.index(), fourth.index(), 16 * sizeof(std::int64_t)) == 0);
}

TEST_CASE("an error is of a draw that began after the request") {
  ReplayBuffer buffer(stamped::schema(), options());
  Prefetch prefetch(buffer, {.columns = {.samples = 4}}, {});
  CHECK_THROWS_AS(next(prefetch), sharpwave::InvalidValue);
  CHECK_THROWS_AS(next(prefetch), sharpwave::InvalidValue);
  fill(buffer);
  CHECK(stamped::torn_rows(next(prefetch)) == 0);
  for (int i = 0; i < 300; ++i) {
    // The thread meets an empty buffer at any moment of this; whoever asks afterwards does not.
    buffer.clear();
    for (int taken = 0; taken < 2; ++taken) {
      try {
        next(prefetch);
      } catch (const sharpwave::InvalidValue&) {
        break;
      }
    }
    fill(buffer);
    CHECK_NOTHROW(next(prefetch));
  }
}

TEST_CASE("nothing comes of a closed prefetch, and waiting for it ends") {
  ReplayBuffer buffer(stamped::schema(), options());
  fill(buffer);
  Prefetch prefetch(buffer, {.columns = {.samples = 4}}, {});
  next(prefetch);
  prefetch.close();
  prefetch.close();
  CHECK(prefetch.is_closed());
  CHECK_FALSE(prefetch.take(prefetch.ask({}), kLong).has_value());
}
