#include "sharpwave/samplers/ranking.hpp"

#include <algorithm>
#include <bit>

namespace sharpwave {
namespace {

constexpr float kUnranked = -1.0F;

std::ptrdiff_t offset(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

}  // namespace

Ranking::Ranking(std::size_t places) : values_(places, kUnranked) {}

// Floats that are not negative are ordered as their bits are; upside down the largest comes first.
Ranking::Key Ranking::key(std::uint64_t place) const {
  const auto bits = std::bit_cast<std::uint32_t>(values_[place] + 0.0F);  // -0 becomes 0
  return (static_cast<Key>(~bits) << 32) | place;
}

std::size_t Ranking::block_of(Key key) const {
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), key);
  return after == firsts_.begin() ? 0 : static_cast<std::size_t>(after - firsts_.begin()) - 1;
}

void Ranking::set(std::uint64_t place, float value) {
  if (is_ranked(place)) erase(key(place));
  values_[place] = value;
  try {
    insert(key(place));
  } catch (...) {
    values_[place] = kUnranked;
    throw;
  }
}

void Ranking::insert(Key key) {
  if (blocks_.empty()) {
    firsts_.reserve(1);
    blocks_.emplace_back().reserve(kMost);
    firsts_.push_back(key);
  }
  std::size_t chosen = block_of(key);
  if (blocks_[chosen].size() == kMost) {
    split(chosen);
    chosen = block_of(key);
  }
  Block& block = blocks_[chosen];
  block.insert(std::lower_bound(block.begin(), block.end(), key), key);  // there is room
  firsts_[chosen] = block.front();
  ++size_;
  is_counted_ = false;
}

void Ranking::split(std::size_t block) {
  Block upper;
  upper.reserve(kMost);
  blocks_.reserve(blocks_.size() + 1);
  firsts_.reserve(firsts_.size() + 1);
  Block& lower = blocks_[block];
  upper.assign(lower.begin() + kMost / 2, lower.end());
  lower.resize(kMost / 2);
  firsts_.insert(firsts_.begin() + offset(block + 1), upper.front());
  blocks_.insert(blocks_.begin() + offset(block + 1), std::move(upper));
}

void Ranking::erase(Key key) {
  const std::size_t chosen = block_of(key);
  Block& block = blocks_[chosen];
  block.erase(std::lower_bound(block.begin(), block.end(), key));
  --size_;
  is_counted_ = false;
  if (block.empty()) {
    blocks_.erase(blocks_.begin() + offset(chosen));
    firsts_.erase(firsts_.begin() + offset(chosen));
    return;
  }
  firsts_[chosen] = block.front();
  if (block.size() < kFew) join(chosen);
}

void Ranking::join(std::size_t block) {
  if (block + 1 == blocks_.size()) return;
  const Block& next = blocks_[block + 1];
  if (blocks_[block].size() + next.size() > kMost / 2) return;
  blocks_[block].insert(blocks_[block].end(), next.begin(), next.end());
  blocks_.erase(blocks_.begin() + offset(block + 1));
  firsts_.erase(firsts_.begin() + offset(block + 1));
}

void Ranking::clear() {
  std::fill(values_.begin(), values_.end(), kUnranked);
  blocks_.clear();
  firsts_.clear();
  size_ = 0;
  is_counted_ = false;
}

void Ranking::count() {
  if (is_counted_) return;
  starts_.resize(blocks_.size());
  std::size_t before = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    starts_[i] = before;
    before += blocks_[i].size();
  }
  is_counted_ = true;
}

std::uint64_t Ranking::at(std::size_t rank) {
  count();
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), rank);
  const auto block = static_cast<std::size_t>(after - starts_.begin()) - 1;
  return blocks_[block][rank - starts_[block]] & UINT32_MAX;
}

std::size_t Ranking::rank(std::uint64_t place) {
  count();
  const Key wanted = key(place);
  const std::size_t chosen = block_of(wanted);
  const Block& block = blocks_[chosen];
  const auto found = std::lower_bound(block.begin(), block.end(), wanted);
  return starts_[chosen] + static_cast<std::size_t>(found - block.begin());
}

std::size_t Ranking::size_bytes() const {
  return values_.capacity() * sizeof(float) + blocks_.size() * kMost * sizeof(Key) +
         firsts_.capacity() * sizeof(Key) + starts_.capacity() * sizeof(std::size_t);
}

}  // namespace sharpwave
