#pragma once
// A batch's memory: where each column lies in a block, and the pool that blocks come from.
//
// Threads: the pool's methods may be called from any thread at once, and never wait: where another
//          thread is inside, a new block is made, or an old one let go. So a fork in the middle of
//          a call costs the child its pool and nothing else.
// Ownership: a block belongs to whoever holds its shared_ptr; the last one to let go, on any thread
//            and without any lock of ours held, gives it back to the pool. The pool outlives its
//            blocks.
// Cost: lending is a few instructions when a block of that size is free.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "sharpwave/memory.hpp"
#include "sharpwave/schema.hpp"

namespace sharpwave {

// Which columns a batch has beside the fields, and how many rows.
struct BatchOptions {
  std::size_t samples;     // what is drawn: rows, or sequences
  std::size_t length = 1;  // rows of each sample
  bool has_weight = false;
  bool has_mask = false;

  [[nodiscard]] std::size_t rows() const { return samples * length; }
  bool operator==(const BatchOptions&) const = default;
};

// Offsets in a block. Every column starts on a cache line.
struct BatchLayout {
  BatchLayout(const Schema& schema, const BatchOptions& wanted);

  BatchOptions options;
  std::size_t rows;
  std::vector<std::size_t> fields;    // one a schema field
  std::vector<std::size_t> next_obs;  // one an obs field
  std::size_t terminated;             // bool
  std::size_t truncated;              // bool
  std::size_t discount;               // float32
  std::size_t index;                  // int64
  std::size_t weight = 0;             // float32, one a sample; with has_weight
  std::size_t mask = 0;               // bool; with has_mask
  std::size_t bytes = 0;
};

class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  using Block = std::shared_ptr<std::byte>;

  // Bytes that wait for their next use at most: three batches of 64 sequences of 80 Atari frames. A
  // block past that costs its pages anew at each batch, which is more than filling it.
  static constexpr std::size_t kMostKept = std::size_t{256} << 20;

  // A block of at least `bytes` bytes that nobody else holds. THROWS OutOfMemory.
  Block lend(std::size_t bytes);
  [[nodiscard]] std::size_t free_blocks() const;

 private:
  // Blocks that wait for their next use.
  static constexpr std::size_t kKept = 8;

  Memory take(std::size_t bytes);
  Memory take_kept(std::size_t bytes);  // empty where there is none
  void give_back(Memory block) noexcept;
  Memory remove(std::size_t i);

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Memory> free_;  // newest last: it is the one still in the cache
  std::size_t free_bytes_ = 0;
};

}  // namespace sharpwave
