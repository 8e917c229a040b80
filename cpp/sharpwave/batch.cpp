#include "sharpwave/batch.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace sharpwave {
namespace {

constexpr std::size_t kLine = 64;

}  // namespace

BatchLayout::BatchLayout(const Schema& schema, const BatchOptions& wanted)
    : options(wanted), rows(wanted.rows()) {
  const auto place_values = [this](std::size_t count, std::size_t value_bytes) {
    const std::size_t at = bytes;
    bytes += (count * value_bytes + kLine - 1) / kLine * kLine;
    return at;
  };
  const auto place = [&](std::size_t row_bytes) { return place_values(rows, row_bytes); };
  for (const Field& field : schema.fields()) fields.push_back(place(field.sampled_bytes()));
  for (const Field& field : schema.obs()) next_obs.push_back(place(field.sampled_bytes()));
  terminated = place(sizeof(bool));
  truncated = place(sizeof(bool));
  discount = place(sizeof(float));
  index = place(sizeof(std::int64_t));
  if (options.has_weight) weight = place_values(options.samples, sizeof(float));
  if (options.has_mask) mask = place(sizeof(bool));
}

BlockPool::Block BlockPool::lend(std::size_t bytes) {
  auto* const block = new Memory(take(bytes));
  const auto give_back = [pool = shared_from_this(), block](std::byte*) {
    pool->give_back(std::move(*block));
    delete block;
  };
  return {block->data(), give_back};
}

std::size_t BlockPool::free_blocks() const {
  const std::lock_guard lock(mutex_);
  return free_.size();
}

Memory BlockPool::take(std::size_t bytes) {
  Memory kept = take_kept(bytes);
  if (kept.data() != nullptr) return kept;
  check_memory_available(bytes);
  return Memory(bytes);
}

Memory BlockPool::take_kept(std::size_t bytes) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return {};
  const auto fits = [bytes](const Memory& block) { return block.size() == bytes; };
  const auto found = std::find_if(free_.rbegin(), free_.rend(), fits);
  if (found == free_.rend()) return {};
  return remove(static_cast<std::size_t>(std::distance(found, free_.rend())) - 1);
}

Memory BlockPool::remove(std::size_t i) {
  Memory block = std::move(free_[i]);
  free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
  free_bytes_ -= block.size();
  return block;
}

void BlockPool::give_back(Memory block) noexcept {
  if (block.size() > kMostKept) return;
  std::array<Memory, kKept> oldest;  // unmapped when the lock is no longer held
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  if (free_.capacity() < kKept) free_.reserve(kKept);
  for (Memory& each : oldest) {
    if (free_.size() < kKept && free_bytes_ + block.size() <= kMostKept) break;
    each = remove(0);
  }
  free_bytes_ += block.size();
  free_.push_back(std::move(block));
}

}  // namespace sharpwave
