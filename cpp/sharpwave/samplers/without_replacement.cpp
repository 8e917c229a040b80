#include "sharpwave/samplers/without_replacement.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sharpwave/error.hpp"
#include "sharpwave/kernels/cpu.hpp"

namespace sharpwave {
namespace {

std::size_t checked(std::size_t places) {
  if (places > UINT32_MAX) {
    throw InvalidValue("capacity: expected at most 2^32 - 1 rows without replacement, got " +
                       std::to_string(places));
  }
  return places;
}

[[noreturn]] void refuse(const std::string& what) {
  throw InvalidValue("state of the sampler without replacement: " + what);
}

std::size_t stored_in(std::span<const Ring> rings) {
  std::size_t stored = 0;
  for (const Ring& ring : rings) stored += ring.size();
  return stored;
}

bool is_stored_in(std::span<const Ring> rings, std::size_t place) {
  const std::size_t capacity = rings.front().capacity();
  const std::size_t environment = place / capacity;
  return environment < rings.size() && rings[environment].holds(place % capacity);
}

void check_names_each_row_once(std::span<const std::uint32_t> order, std::span<const Ring> rings) {
  std::vector<bool> is_named(rings.size() * rings.front().capacity());
  for (const std::uint32_t place : order) {
    if (!is_stored_in(rings, place)) {
      refuse("expected places of stored rows, got " + std::to_string(place));
    }
    if (is_named[place]) refuse("expected each row once, got " + std::to_string(place) + " twice");
    is_named[place] = true;
  }
}

}  // namespace

WithoutReplacement::WithoutReplacement(std::size_t places)
    : order_(checked(places)), position_(places) {}

void WithoutReplacement::added(std::uint64_t place) {
  const auto added = static_cast<std::uint32_t>(place);
  if (!is_stored(added)) {
    order_[stored_] = added;
    position_[added] = static_cast<std::uint32_t>(stored_++);
  }
  if (position_[added] >= pending_) swap(position_[added], pending_++);
}

void WithoutReplacement::clear() {
  stored_ = 0;
  pending_ = 0;
}

void WithoutReplacement::swap(std::size_t a, std::size_t b) {
  std::swap(order_[a], order_[b]);
  position_[order_[a]] = static_cast<std::uint32_t>(a);
  position_[order_[b]] = static_cast<std::uint32_t>(b);
}

void WithoutReplacement::choose(Rng& rng, std::span<std::uint64_t> tile) const {
  Rng own = rng;  // a copy that nothing else can point to stays in registers
  for (std::size_t i = 0; i < tile.size(); ++i) {
    tile[i] = own.below(pending_ - i);
    prefetch(&order_[tile[i]]);
    prefetch(&position_[order_[pending_ - 1 - i]]);
  }
  rng = own;
  for (const std::uint64_t chosen : tile) prefetch(&position_[order_[chosen]]);
}

void WithoutReplacement::take(std::span<std::uint64_t> tile) {
  for (std::uint64_t& draw : tile) {
    const auto chosen = static_cast<std::size_t>(draw);
    draw = order_[chosen];
    swap(chosen, --pending_);
  }
  if (pending_ == 0) pending_ = stored_;
}

void WithoutReplacement::restore(const State& state, std::span<const Ring> rings) {
  const std::size_t stored = state.order.size();
  if (stored != stored_in(rings)) {
    refuse("expected " + std::to_string(stored_in(rings)) + " rows, got " + std::to_string(stored));
  }
  if (state.pending > stored || (state.pending == 0) != (stored == 0)) {
    refuse("expected 1 to " + std::to_string(stored) + " rows to be drawn, got " +
           std::to_string(state.pending));
  }
  check_names_each_row_once(state.order, rings);
  std::copy(state.order.begin(), state.order.end(), order_.begin());
  for (std::size_t i = 0; i < stored; ++i) position_[order_[i]] = static_cast<std::uint32_t>(i);
  stored_ = stored;
  pending_ = state.pending;
}

void WithoutReplacement::save(ArchiveWriter& to) const {
  to.put<std::uint32_t>("order", state().order);
  to.put<std::uint64_t>("pending", std::array<std::uint64_t, 1>{pending_});
}

void WithoutReplacement::restore(ArchiveReader& from, std::span<const Ring> rings) {
  const auto order = from.get<std::uint32_t>("order", stored_in(rings));
  const auto pending = from.get<std::uint64_t>("pending", 1);
  try {
    restore({order, static_cast<std::size_t>(pending.front())}, rings);
  } catch (const InvalidValue& error) {
    throw Damaged(std::string("order: ") + error.what());
  }
}

}  // namespace sharpwave
