#include "sharpwave/replay_buffer.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "reference/naive_replay_buffer.hpp"
#include "sharpwave/error.hpp"

using reference::NaiveReplayBuffer;
using reference::Transition;
using sharpwave::BatchLayout;
using sharpwave::Options;
using sharpwave::ReplayBuffer;
using sharpwave::Rng;
using sharpwave::Schema;
using sharpwave::Steps;

namespace {

Schema schema_of(std::int64_t obs_size) {
  return {{{"obs", "float32", 4, {obs_size}}}, {{"action", "int64", 8, {}}}, {}};
}

const std::byte* bytes(const void* data) { return static_cast<const std::byte*>(data); }

void add_one(ReplayBuffer& buffer, std::uint32_t environment, const Transition& row) {
  const std::byte* const fields[] = {bytes(row.obs.data()), bytes(&row.action), bytes(&row.reward)};
  const std::byte* const next_obs[] = {bytes(row.next_obs.data())};
  buffer.add(Steps{1, {&environment, 1}, fields, next_obs, &row.terminated, &row.truncated});
}

// A batch, as arrays.
struct Sampled {
  Sampled(ReplayBuffer& buffer, std::size_t rows)
      : layout(buffer.schema(), {.samples = rows}), block(buffer.pool()->lend(layout.bytes)) {
    buffer.sample({}, layout, block.get());
  }
  template <typename Value>
  const Value* column(std::size_t offset) const {
    return reinterpret_cast<const Value*>(block.get() + offset);
  }
  BatchLayout layout;
  sharpwave::BlockPool::Block block;
};

bool same(const float* got, const std::vector<float>& expected) {
  return std::memcmp(got, expected.data(), expected.size() * sizeof(float)) == 0;
}

void check_against(const NaiveReplayBuffer& naive, ReplayBuffer& buffer, std::size_t rows) {
  const Sampled batch(buffer, rows);
  const auto* const index = batch.column<std::int64_t>(batch.layout.index);
  for (std::size_t i = 0; i < rows; ++i) {
    const Transition* const expected = naive.find(index[i]);
    REQUIRE(expected != nullptr);
    const std::size_t size = expected->obs.size();
    CHECK(same(batch.column<float>(batch.layout.fields[0]) + i * size, expected->obs));
    CHECK(same(batch.column<float>(batch.layout.next_obs[0]) + i * size, expected->next_obs));
    CHECK(batch.column<std::int64_t>(batch.layout.fields[1])[i] == expected->action);
    CHECK(batch.column<float>(batch.layout.fields[2])[i] == expected->reward);
    CHECK(batch.column<bool>(batch.layout.terminated)[i] == expected->terminated);
    CHECK(batch.column<bool>(batch.layout.truncated)[i] == expected->truncated);
    CHECK(batch.column<float>(batch.layout.discount)[i] == (expected->terminated ? 0.0F : 0.5F));
  }
}

// Streams that mostly go on, end, break off without an end, and repeat observations.
class Stream {
 public:
  explicit Stream(std::size_t obs_size) : obs_(obs_size, 0.0F) {}

  Transition next(Rng& rng) {
    if (rng.below(10) == 0) obs_.assign(obs_.size(), static_cast<float>(rng.below(3)));
    Transition row{0,
                   obs_,
                   static_cast<std::int64_t>(rng.next()),
                   static_cast<float>(rng.below(100)),
                   obs_,
                   rng.below(6) == 0,
                   rng.below(6) == 0};
    if (rng.below(8) != 0) row.next_obs.back() = static_cast<float>(++count_);
    obs_ = row.next_obs;
    return row;
  }

 private:
  std::vector<float> obs_;
  int count_ = 0;
};

}  // namespace

TEST_CASE("random operations leave what the slow twin has") {
  Rng rng(11);
  for (int trial = 0; trial < 60; ++trial) {
    const std::size_t obs_size = trial % 3 == 0 ? 70 : 1 + rng.below(20);  // 70: a column alone
    const std::size_t environments = 1 + rng.below(4);
    const std::size_t capacity = environments + rng.below(40);
    ReplayBuffer buffer(schema_of(static_cast<std::int64_t>(obs_size)),
                        Options{.capacity = capacity,
                                .environments = environments,
                                .gamma = 0.5,
                                .skip_resets = false,
                                .seed = rng.next()});
    NaiveReplayBuffer naive(capacity, environments);
    std::vector<Stream> streams(environments, Stream(obs_size));
    for (int i = 0; i < 300; ++i) {
      const auto environment = static_cast<std::uint32_t>(rng.below(environments));
      const Transition row = streams[environment].next(rng);
      add_one(buffer, environment, row);
      naive.add(environment, row);
      if (rng.below(100) == 0) {
        buffer.clear();
        naive.clear();
        continue;
      }
      if (rng.below(20) == 0) buffer.end_episode({&environment, 1});
      CHECK(buffer.size() == naive.size());
      if (rng.below(4) == 0) check_against(naive, buffer, 1 + rng.below(90));
    }
  }
}

TEST_CASE("every stored row can be drawn and no other") {
  ReplayBuffer buffer(
      schema_of(1),
      Options{.capacity = 6, .environments = 2, .gamma = 0.5, .skip_resets = false, .seed = 1});
  Rng rng(2);
  Stream stream(1);
  for (int i = 0; i < 7; ++i) add_one(buffer, 0, stream.next(rng));
  add_one(buffer, 1, stream.next(rng));
  const Sampled batch(buffer, 2000);
  const auto* const index = batch.column<std::int64_t>(batch.layout.index);
  CHECK(std::set<std::int64_t>(index, index + 2000) == std::set<std::int64_t>{8, 10, 12, 1});
}

TEST_CASE("with skip_resets the row behind an end is no transition") {
  ReplayBuffer buffer(
      schema_of(1),
      Options{.capacity = 10, .environments = 1, .gamma = 0.5, .skip_resets = true, .seed = 1});
  Transition row{0, {1.0F}, 0, 0.0F, {2.0F}, false, true};
  add_one(buffer, 0, row);
  add_one(buffer, 0, row);  // the reset
  CHECK(buffer.size() == 1);
  add_one(buffer, 0, row);
  CHECK(buffer.size() == 2);
  const std::uint32_t environment = 0;
  buffer.end_episode({&environment, 1});  // an explicit reset: no reset row follows
  add_one(buffer, 0, row);
  CHECK(buffer.size() == 3);
}

TEST_CASE("what cannot be is refused") {
  CHECK_THROWS_AS(ReplayBuffer(schema_of(1), Options{0}), sharpwave::InvalidValue);
  CHECK_THROWS_AS(ReplayBuffer(schema_of(1), Options{3, 4}), sharpwave::InvalidValue);
  CHECK_THROWS_AS(ReplayBuffer(schema_of(1), Options{3, 0}), sharpwave::InvalidValue);
  CHECK_THROWS_AS(ReplayBuffer(schema_of(1), Options{std::size_t{1} << 62}),
                  sharpwave::OutOfMemory);
  ReplayBuffer empty(schema_of(1), Options{3});
  CHECK_THROWS_AS(Sampled(empty, 1), sharpwave::InvalidValue);
}

TEST_CASE("rows are never torn while threads add and sample at once") {
  constexpr std::size_t kObs = 100;
  ReplayBuffer buffer(
      schema_of(kObs),
      Options{.capacity = 64, .environments = 1, .gamma = 0.5, .skip_resets = false, .seed = 1});
  const auto stamped = [](std::int64_t stamp) {
    return Transition{0,
                      std::vector<float>(kObs, static_cast<float>(stamp)),
                      stamp,
                      static_cast<float>(stamp),
                      std::vector<float>(kObs, static_cast<float>(stamp + 1)),
                      false,
                      false};
  };
  add_one(buffer, 0, stamped(0));
  std::thread writer([&] {
    for (std::int64_t stamp = 1; stamp < 4000; ++stamp) add_one(buffer, 0, stamped(stamp));
  });
  std::vector<std::thread> readers;
  std::vector<int> torn(3, 0);
  for (int& mine : torn) {
    readers.emplace_back([&buffer, &mine] {
      for (int i = 0; i < 300; ++i) {
        const Sampled batch(buffer, 16);
        const auto* const obs = batch.column<float>(batch.layout.fields[0]);
        const auto* const next_obs = batch.column<float>(batch.layout.next_obs[0]);
        const auto* const action = batch.column<std::int64_t>(batch.layout.fields[1]);
        for (std::size_t at = 0; at < 16 * kObs; ++at) {
          const auto stamp = static_cast<float>(action[at / kObs]);
          if (obs[at] != stamp || next_obs[at] != stamp + 1) ++mine;
        }
      }
    });
  }
  writer.join();
  for (auto& reader : readers) reader.join();
  CHECK(torn == std::vector<int>(3, 0));
}
