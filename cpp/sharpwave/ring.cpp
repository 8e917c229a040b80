#include "sharpwave/ring.hpp"

#include <utility>

namespace sharpwave {

Ring::Ring(std::size_t capacity, Insertion insertion) : capacity_(capacity), insertion_(insertion) {
  if (is_reservoir()) times_.resize(capacity);
}

std::optional<std::size_t> Ring::find(std::int64_t time) const {
  if (is_reservoir()) {
    const auto found = slots_.find(time);
    if (found == slots_.end()) return std::nullopt;
    return found->second;
  }
  if (time < oldest() || time >= count_) return std::nullopt;
  return slot(static_cast<std::size_t>(time - oldest()));
}

std::optional<std::size_t> Ring::choose(Rng& rng) const {
  if (!is_reservoir()) return head_;
  if (!full()) return size_;
  const auto seen = static_cast<std::uint64_t>(count_ - begun_);
  const std::uint64_t chosen = rng.below(seen + 1);
  if (chosen >= capacity_) return std::nullopt;
  return static_cast<std::size_t>(chosen);
}

void Ring::push(std::optional<std::size_t> slot) {
  const std::int64_t time = count_++;
  if (!slot) return;
  const bool was_full = full();
  if (!was_full) ++size_;
  newest_ = *slot;
  if (is_reservoir()) {
    keep(*slot, time, was_full);
    return;
  }
  head_ = *slot + 1 == capacity_ ? 0 : *slot + 1;
  if (was_full) first_ = head_;
}

void Ring::keep(std::size_t slot, std::int64_t time, bool replaces) {
  if (replaces) {
    auto node = slots_.extract(times_[slot]);  // used again: nothing is allocated in a full ring
    node.key() = time;
    slots_.insert(std::move(node));
  } else {
    slots_.emplace(time, slot);
  }
  times_[slot] = time;
}

void Ring::clear() {
  size_ = 0;
  head_ = 0;
  first_ = 0;
  begun_ = count_;
  slots_.clear();
}

Ring Ring::newest(std::size_t rows) const {
  Ring part = *this;
  part.first_ = slot(size_ - rows);
  part.size_ = rows;
  return part;
}

}  // namespace sharpwave
