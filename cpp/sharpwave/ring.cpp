#include "sharpwave/ring.hpp"

#include <string>
#include <utility>

#include "sharpwave/error.hpp"

namespace sharpwave {

Ring::Ring(std::size_t capacity, Insertion insertion) : capacity_(capacity), insertion_(insertion) {
  if (is_reservoir()) times_.resize(capacity);
}

std::optional<std::size_t> Ring::find_in_reservoir(std::int64_t time) const {
  const auto found = slots_.find(time);
  if (found == slots_.end()) return std::nullopt;
  return found->second;
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

Ring::State Ring::state() const {
  const auto stored = static_cast<std::ptrdiff_t>(is_reservoir() ? size_ : 0);
  return {
      size_, size_ == 0 ? 0 : newest_, count_, begun_, {times_.begin(), times_.begin() + stored}};
}

void Ring::restore(const State& state) {
  const auto size = static_cast<std::int64_t>(state.size);
  const bool is_in_range = state.size <= capacity_ && state.begun >= 0 &&
                           state.count - state.begun >= size &&
                           (size == 0 ? state.newest == 0 : state.newest < state.size);
  const bool is_full = state.size == capacity_;
  const bool is_in_order = is_reservoir() || is_full || size == 0 || state.newest + 1 == state.size;
  if (!is_in_range || !is_in_order || state.times.size() != (is_reservoir() ? state.size : 0)) {
    throw Damaged("rings: expected the counts of a ring of " + std::to_string(capacity_) +
                  " rows, got " + std::to_string(size) + " rows, the newest in slot " +
                  std::to_string(state.newest) + ", of " + std::to_string(state.count) + " added");
  }
  size_ = state.size;
  newest_ = state.newest;
  count_ = state.count;
  begun_ = state.begun;
  head_ = size == 0 ? 0 : (newest_ + 1) % capacity_;
  first_ = is_full && !is_reservoir() ? head_ : 0;
  restore_times(state.times);
}

void Ring::restore_times(std::span<const std::int64_t> times) {
  slots_.clear();
  for (std::size_t slot = 0; slot < times.size(); ++slot) {
    const bool is_new = slots_.emplace(times[slot], slot).second;
    if (!is_new || times[slot] < begun_ || times[slot] >= count_) {
      throw Damaged("times: " + std::to_string(times[slot]) + " is no time of a row of its own");
    }
    times_[slot] = times[slot];
  }
}

std::size_t Ring::size_bytes() const {
  if (!is_reservoir()) return 0;
  constexpr std::size_t kNode = sizeof(std::pair<const std::int64_t, std::size_t>) + sizeof(void*);
  return times_.capacity() * sizeof(std::int64_t) + slots_.size() * kNode +
         slots_.bucket_count() * sizeof(void*);
}

Ring Ring::newest(std::size_t rows) const {
  Ring part = *this;
  part.first_ = slot(size_ - rows);
  part.size_ = rows;
  return part;
}

}  // namespace sharpwave
