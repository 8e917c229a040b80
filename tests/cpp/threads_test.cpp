// One writer, samplers, priority updates, a prefetch and what changes a buffer, all at once: no row
// is torn, and ThreadSanitizer has nothing to say (cmake --workflow --preset tsan).

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "sharpwave/archive.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/prefetch.hpp"
#include "stamped.hpp"

using namespace std::chrono_literals;
using sharpwave::Options;
using sharpwave::Prefetch;
using sharpwave::ReplayBuffer;
using sharpwave::SamplerOptions;

namespace {

std::chrono::duration<double> time_of_a_test() {
  const char* const seconds = std::getenv("SHARPWAVE_TEST_SECONDS");
  return std::chrono::duration<double>(seconds == nullptr ? 0.3 : std::strtod(seconds, nullptr));
}

// Each body again and again, all at once.
void run_together(const std::vector<std::function<void()>>& bodies) {
  std::atomic<bool> is_over = false;
  std::vector<std::thread> threads;
  threads.reserve(bodies.size());
  for (const auto& body : bodies) {
    threads.emplace_back([&is_over, &body] {
      while (!is_over) body();
    });
  }
  std::this_thread::sleep_for(time_of_a_test());
  is_over = true;
  for (std::thread& thread : threads) thread.join();
}

// What was just cleared can not be sampled.
void unless_empty(const std::function<void()>& body) {
  try {
    body();
  } catch (const sharpwave::InvalidValue&) {
    std::this_thread::yield();
  }
}

Options prioritized() {
  SamplerOptions sampler;
  sampler.kind = SamplerOptions::Kind::kPrioritized;
  sampler.prioritized.alpha = 0.6F;
  return {.capacity = 256, .gamma = stamped::kGamma, .sampler = sampler, .seed = 1};
}

}  // namespace

TEST_CASE("no row is torn while everything that a buffer can do is done at once") {
  ReplayBuffer buffer(stamped::schema(), prioritized());
  std::atomic<std::int64_t> stamp = 0;
  std::atomic<std::size_t> rows = 0;
  std::atomic<std::size_t> torn = 0;
  stamped::add(buffer, stamp++);
  Prefetch prefetch(buffer, {.columns = {.samples = 32, .has_weight = true}}, {0.4F});

  const auto check = [&](const stamped::Batch& batch) {
    torn += stamped::torn_rows(batch);
    rows += batch.layout.rows;
    const std::vector<float> errors(batch.layout.rows, 0.5F);
    buffer.update_priorities({batch.index(), errors.size(), 1}, {errors.data(), errors.size(), 1});
  };
  const auto write = [&] {
    if (stamp < (1 << 20)) stamped::add(buffer, stamp++);
    std::this_thread::yield();
  };
  const auto sample = [&] {
    unless_empty([&] {
      const stamped::Batch batch = stamped::batch_of(buffer, 32);
      buffer.sample({0.4F}, batch.layout, batch.block.get());
      check(batch);
    });
  };
  const auto take = [&] {
    unless_empty([&] {
      auto batch = prefetch.take(prefetch.ask({0.5F}), 10ms);
      if (batch) check({prefetch.layout(), batch->block});
    });
  };
  const auto change = [&] {
    std::this_thread::sleep_for(2ms);
    buffer.set_n_step(1 + buffer.n_step() % 3);
    std::this_thread::sleep_for(2ms);
    buffer.clear();
    const std::uint32_t environment = 0;
    buffer.end_episode({&environment, 1});
    sharpwave::ArchiveWriter archive;
    buffer.save(archive);
    CHECK(buffer.stats().stored <= buffer.capacity());
    CHECK(buffer.size() <= buffer.capacity());
    CHECK(buffer.longest() <= buffer.ring_capacity());
  };
  run_together({write, sample, sample, sample, sample, take, take, change});
  CHECK(torn == 0);
  CHECK(rows > 100);
}

TEST_CASE("the check for torn rows finds one") {
  ReplayBuffer buffer(stamped::schema(), {.capacity = 4, .gamma = stamped::kGamma});
  stamped::add(buffer, 7);
  const stamped::Batch batch = stamped::batch_of(buffer, 3);
  buffer.sample({}, batch.layout, batch.block.get());
  CHECK(stamped::torn_rows(batch) == 0);
  reinterpret_cast<float*>(batch.block.get() + batch.layout.next_obs[0])[stamped::kWidth] += 1;
  CHECK(stamped::torn_rows(batch) == 1);
}

TEST_CASE("prefetches may begin, be closed and be let go on any thread") {
  ReplayBuffer buffer(stamped::schema(), {.capacity = 64, .gamma = stamped::kGamma});
  for (std::int64_t stamp = 0; stamp < 64; ++stamp) stamped::add(buffer, stamp);
  const auto live_and_die = [&] {
    Prefetch prefetch(buffer, {.columns = {.samples = 8}}, {});
    std::thread closer([&] { prefetch.close(); });
    while (true) {
      const auto batch = prefetch.take(prefetch.ask({}), 10ms);
      if (!batch && prefetch.is_closed()) break;
      if (batch) CHECK(stamped::torn_rows({prefetch.layout(), batch->block}) == 0);
    }
    closer.join();
  };
  run_together({live_and_die, live_and_die});
}
