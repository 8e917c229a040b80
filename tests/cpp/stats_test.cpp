#include "sharpwave/stats.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "sharpwave/listing.hpp"
#include "sharpwave/replay_buffer.hpp"

using doctest::Approx;
using sharpwave::Listing;
using sharpwave::Options;
using sharpwave::ReplayBuffer;
using sharpwave::SamplerOptions;
using sharpwave::Schema;
using sharpwave::Stats;
using sharpwave::Steps;

namespace {

// A buffer of one number a row, whose row t has obs t and successor t + 1.
struct Counted {
  explicit Counted(const Options& options)
      : buffer(Schema{{{"obs", "float32", 4, {}}}, {{"action", "int64", 8, {}}}, {}}, options) {}

  void add(float obs, float successor, bool terminated = false, std::uint32_t environment = 0) {
    const std::int64_t action = 0;
    const float reward = 0;
    const bool truncated = false;
    const std::byte* const fields[] = {reinterpret_cast<const std::byte*>(&obs),
                                       reinterpret_cast<const std::byte*>(&action),
                                       reinterpret_cast<const std::byte*>(&reward)};
    const std::byte* const next_obs[] = {reinterpret_cast<const std::byte*>(&successor)};
    buffer.add(Steps{1, {&environment, 1}, fields, next_obs, &terminated, &truncated});
  }
  void add_until(int end) {
    for (int t = 0; t < end; ++t) add(static_cast<float>(t), static_cast<float>(t + 1));
  }

  ReplayBuffer buffer;
};

std::size_t total(const Stats& stats) {
  return std::accumulate(
      stats.expenses.begin(), stats.expenses.end(), std::size_t{0},
      [](std::size_t sum, const sharpwave::Expense& each) { return sum + each.bytes; });
}

Options with(SamplerOptions::Kind kind, std::size_t capacity) {
  Options options{.capacity = capacity};
  options.sampler.kind = kind;
  options.sampler.prioritized = {.alpha = 1.0F, .eps = 0.0F};
  return options;
}

}  // namespace

TEST_CASE("what is spent adds up to what is held, whatever is sampled how") {
  for (const auto kind :
       {SamplerOptions::Kind::kUniform, SamplerOptions::Kind::kPrioritized,
        SamplerOptions::Kind::kRankPrioritized, SamplerOptions::Kind::kWithoutReplacement}) {
    Counted counted(with(kind, 100));
    counted.add_until(250);
    const Stats stats = counted.buffer.stats();
    CHECK(total(stats) == counted.buffer.size_bytes());
    CHECK(stats.stored == 100);
    CHECK(stats.added == 250);
    CHECK(stats.episodes == 1);
    CHECK(stats.ages->oldest == 99);
  }
}

TEST_CASE("an empty buffer has no ages") {
  for (const auto kind : {SamplerOptions::Kind::kUniform, SamplerOptions::Kind::kPrioritized,
                          SamplerOptions::Kind::kRankPrioritized, SamplerOptions::Kind::kRecency}) {
    Counted counted(with(kind, 10));
    const Stats stats = counted.buffer.stats();
    CHECK(!stats.ages.has_value());
    CHECK(!stats.duplicates.has_value());
    CHECK(stats.episodes == 0);
  }
}

TEST_CASE("ages go by priority") {
  Counted counted(with(SamplerOptions::Kind::kPrioritized, 10));
  counted.add_until(4);
  const std::vector<std::int64_t> index{0, 1, 2, 3};
  const std::vector<float> errors{0.0F, 6.0F, 1.0F, 1.0F};
  counted.buffer.update_priorities({index.data(), 4, 1}, {errors.data(), 4, 1});
  const Stats stats = counted.buffer.stats();
  CHECK(stats.ages->mean == Approx((6.0 * 2 + 1) / 8));
  CHECK(stats.ages->median == 2);
  CHECK(stats.ages->oldest == 2);
  CHECK(stats.priorities->zeros == 1);
  CHECK(stats.priorities->decades == std::map<int, std::size_t>{{0, 3}});
  CHECK(stats.priorities->effective_rows == Approx(64.0 / 38));
}

TEST_CASE("a listing says which rows go on where the next one begins") {
  Counted counted({.capacity = 5});
  counted.add(9, 9);  // is overwritten
  counted.add(0, 1);
  counted.add(1, 2);
  counted.add(7, 8, true);
  counted.add(8, 9);
  counted.buffer.end_episode(counted.buffer.all_environments());
  counted.add(8, 9);
  const Listing listing = counted.buffer.listing();
  CHECK(listing.index == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  constexpr int kNext = Listing::kHasNext;
  constexpr int kOn = Listing::kHasNext | Listing::kContinues;
  CHECK(listing.flags == std::vector<std::uint8_t>{kOn, kNext, kOn | Listing::kTerminated,
                                                   kNext | Listing::kCut, 0});
}

TEST_CASE("a listing goes environment by environment, and rows of a reservoir have no next") {
  Counted two({.capacity = 6, .environments = 2});
  two.add(0, 1, false, 1);
  two.add(5, 6, false, 0);
  two.add(1, 2, false, 1);
  CHECK(two.buffer.listing().index == std::vector<std::int64_t>{0, 1, 3});
  Counted some({.capacity = 3, .insertion = sharpwave::Insertion::kReservoir});
  some.add_until(10);
  some.add(3, 3, true);
  for (const std::uint8_t flags : some.buffer.listing().flags) {
    CHECK((flags & ~Listing::kTerminated) == 0);
  }
}

TEST_CASE("rows can be had with other windows than those of samples") {
  Counted counted({.capacity = 10, .n_step = 4, .gamma = 1.0});
  counted.add_until(8);
  const sharpwave::BatchLayout layout(counted.buffer.schema(), {.samples = 1});
  const auto block = counted.buffer.pool()->lend(layout.bytes);
  const auto successor = [&](std::optional<std::size_t> n_step) {
    const std::vector<std::int64_t> index{2};
    counted.buffer.rows(index, n_step, layout, block.get());
    return *reinterpret_cast<const float*>(block.get() + layout.next_obs[0]);
  };
  CHECK(successor(1) == 3);
  CHECK(successor(std::nullopt) == 6);
  CHECK(counted.buffer.n_step() == 4);
}
