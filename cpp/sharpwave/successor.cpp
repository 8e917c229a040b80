#include "sharpwave/successor.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr unsigned kLargestShift = 12;

unsigned shift_for(std::span<const Field> obs) {
  const std::size_t row = Table::bytes(obs, 1, Table::WithMeta::kNo);
  unsigned shift = 0;
  while (shift < kLargestShift && (row << (shift + 1)) <= kChunkBytes) ++shift;
  return shift;
}

}  // namespace

SideRows::SideRows(std::span<const Field> obs) : obs_(obs), chunk_shift_(shift_for(obs)) {}

void SideRows::reserve(std::size_t rows) {
  while (free_.size() < rows) {
    const std::size_t end = (chunks_.size() + 1) << chunk_shift_;
    if (end >= UINT32_MAX) throw OutOfMemory("more than 2^32 observations without a next row");
    free_.reserve(end);
    chunks_.emplace_back(obs_, chunk_rows(), Table::WithMeta::kNo);
    // Descending, so that the lowest row of the chunk is handed out first.
    for (std::size_t row = end; row-- > end - chunk_rows();) {
      free_.push_back(static_cast<std::uint32_t>(row));
    }
  }
}

std::uint32_t SideRows::acquire() {
  const std::uint32_t row = free_.back();
  free_.pop_back();
  return row;
}

void SideRows::release_all() {
  free_.resize(chunks_.size() << chunk_shift_);
  std::iota(free_.rbegin(), free_.rend(), 0U);
}

std::size_t SideRows::size_bytes() const {
  return std::accumulate(
      chunks_.begin(), chunks_.end(), free_.capacity() * sizeof(std::uint32_t),
      [](std::size_t sum, const Table& chunk) { return sum + chunk.size_bytes(); });
}

void SideRows::list(Blocks& blocks) const {
  for (const Table& chunk : chunks_) chunk.list(blocks);
}

}  // namespace sharpwave
