#include "sharpwave/batch.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <thread>
#include <vector>

using sharpwave::BatchLayout;
using sharpwave::BlockPool;
using sharpwave::Schema;

TEST_CASE("columns of a batch start on cache lines and do not overlap") {
  const Schema schema({{"obs", "float32", 4, {3}}}, {{"action", "int64", 8, {}}}, {});
  const BatchLayout layout(schema, {.samples = 10});
  CHECK(layout.fields == std::vector<std::size_t>{0, 128, 256});
  CHECK(layout.next_obs == std::vector<std::size_t>{320});
  CHECK(layout.terminated == 448);
  CHECK(layout.truncated == 512);
  CHECK(layout.discount == 576);
  CHECK(layout.index == 640);
  CHECK(layout.bytes == 768);
}

TEST_CASE("a block comes back when its last holder lets go") {
  const auto pool = std::make_shared<BlockPool>();
  auto block = pool->lend(1000);
  std::byte* const address = block.get();
  const auto second = block;
  block.reset();
  CHECK(pool->free_blocks() == 0);
  CHECK(pool->lend(1000).get() != address);
  CHECK(second.get() == address);
}

TEST_CASE("the block given back last is lent first") {
  const auto pool = std::make_shared<BlockPool>();
  std::byte* const address = pool->lend(1000).get();
  CHECK(pool->lend(1000).get() == address);
  CHECK(pool->lend(2000).get() != address);
}

TEST_CASE("the oldest free blocks go when together they are more than the pool keeps") {
  const auto pool = std::make_shared<BlockPool>();
  constexpr std::size_t kThird = BlockPool::kMostKept / 3;
  auto first = pool->lend(kThird), second = pool->lend(kThird), third = pool->lend(kThird + 64);
  first.reset();
  second.reset();
  CHECK(pool->free_blocks() == 2);
  third.reset();
  CHECK(pool->free_blocks() == 2);
  const auto newest = pool->lend(kThird + 64), older = pool->lend(kThird);
  CHECK(pool->free_blocks() == 0);
}

TEST_CASE("a block that is larger than all that the pool keeps is not kept") {
  const auto pool = std::make_shared<BlockPool>();
  pool->lend(BlockPool::kMostKept);
  CHECK(pool->free_blocks() == 1);
  pool->lend(BlockPool::kMostKept + 1);
  CHECK(pool->free_blocks() == 1);
}

TEST_CASE("at most eight blocks are kept") {
  const auto pool = std::make_shared<BlockPool>();
  std::vector<BlockPool::Block> blocks;
  for (std::size_t i = 1; i <= 10; ++i) blocks.push_back(pool->lend(i * 100));
  blocks.clear();
  CHECK(pool->free_blocks() == 8);
}

TEST_CASE("a block outlives every other owner of the pool") {
  auto pool = std::make_shared<BlockPool>();
  const auto block = pool->lend(100);
  pool.reset();
  std::memset(block.get(), 1, 100);
  CHECK(block.get()[99] == std::byte{1});
}

TEST_CASE("blocks may be given back on any thread") {
  const auto pool = std::make_shared<BlockPool>();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool] {
      for (int i = 0; i < 2000; ++i) {
        const auto block = pool->lend(256);
        std::memset(block.get(), i, 256);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(pool->free_blocks() <= 8);
}
