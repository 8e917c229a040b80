#include "sharpwave/samplers/prioritized.hpp"

#include <cmath>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::size_t kMostBrokenOff = 1024;

std::size_t times(std::size_t environments, std::size_t ring_capacity) {
  if (ring_capacity > (std::size_t{1} << 36) / environments) {
    throw InvalidValue("expected at most 2^36 rows under a prioritized sampler, got " +
                       std::to_string(environments) + " times " + std::to_string(ring_capacity) +
                       "; lower the capacity");
  }
  return environments * ring_capacity;
}

SumTree::WithSmallest with_smallest(const Prioritized::Options& options) {
  return options.normalize == Prioritized::Normalize::kBuffer ? SumTree::WithSmallest::kYes
                                                              : SumTree::WithSmallest::kNo;
}

void check(const char* name, float value) {
  if (std::isfinite(value) && value >= 0) return;
  throw InvalidValue(std::string("expected a finite ") + name + " of at least 0, got " +
                     std::to_string(value));
}

}  // namespace

Prioritized::Prioritized(std::size_t environments, std::size_t ring_capacity,
                         const Options& options)
    : options_(options),
      ring_capacity_(ring_capacity),
      tree_(times(environments, ring_capacity), with_smallest(options)),
      pending_(environments) {
  check("alpha", options.alpha);
  check("eps", options.eps);
  broken_off_.reserve(kMostBrokenOff);
  for (std::size_t e = 0; e < environments; ++e) {
    pending_[e] = {e * ring_capacity, e * ring_capacity};
  }
}

std::size_t Prioritized::bytes(std::size_t environments, std::size_t ring_capacity,
                               const Options& options) {
  return SumTree::bytes(times(environments, ring_capacity), with_smallest(options));
}

void Prioritized::begin_range(PlaceRange& pending, std::uint64_t place) {
  if (broken_off_.size() == kMostBrokenOff) settle();
  if (pending.first != pending.end) broken_off_.push_back(pending);
  pending = {place, place + 1};
}

void Prioritized::settle() {
  if (!has_pending_) return;
  has_pending_ = false;
  tree_.fill(pending_, largest_);
  tree_.fill(broken_off_, largest_);
  broken_off_.clear();
  for (PlaceRange& pending : pending_) pending.first = pending.end;
}

void Prioritized::clear() {
  tree_.clear();
  broken_off_.clear();
  for (PlaceRange& pending : pending_) pending.first = pending.end;
  has_pending_ = false;
}

void Prioritized::check_drawable() const {
  if (tree_.total() > 0) return;
  throw InvalidValue(
      "expected a row with a positive priority to draw, but the priority of every stored row is 0; "
      "give a positive eps, or update some row with a td_error that is not 0");
}

Strata Prioritized::strata(const Strata::Out& out) {
  settle();
  check_drawable();
  return {tree_, out, mass_};
}

void Prioritized::update(std::span<const std::uint64_t> places, std::span<const float> td_error) {
  settle();
  constexpr std::size_t kSome = 1024;
  std::array<float, kSome> priorities;  // NOLINT: filled below
  for (std::size_t at = 0; at < places.size(); at += kSome) {
    const std::size_t count = std::min(kSome, places.size() - at);
    const float most = kernels().priorities(&td_error[at], {options_.alpha, options_.eps}, count,
                                            priorities.data());
    largest_ = std::max(largest_, most);
    tree_.set(places.subspan(at, count), std::span(priorities).first(count));
  }
}

void Prioritized::weigh(float beta, std::span<float> priorities) const {
  const float smallest = options_.normalize == Normalize::kBuffer
                             ? tree_.smallest()
                             : kernels().smallest_of(priorities.data(), priorities.size());
  kernels().weights(priorities.data(), smallest, beta, priorities.size(), priorities.data());
}

void Prioritized::read(std::span<float> priorities) {
  settle();
  tree_.read(priorities);
}

void Prioritized::restore(std::span<const float> priorities, float largest) {
  if (priorities.size() != tree_.size()) {
    throw InvalidValue("expected " + std::to_string(tree_.size()) + " priorities, got " +
                       std::to_string(priorities.size()));
  }
  check("largest priority", largest);
  for (const float priority : priorities) {
    check("priority", priority);
    if (priority <= largest) continue;
    throw InvalidValue("expected no priority above the largest one given, " +
                       std::to_string(largest) + ", got " + std::to_string(priority));
  }
  clear();
  tree_.write(priorities);
  largest_ = largest;
}

void Prioritized::save(ArchiveWriter& to) {
  std::vector<float> priorities(size());
  read(priorities);
  to.put<float>("priorities", priorities);
  to.put<float>("largest_priority", std::array{largest_});
}

void Prioritized::restore(ArchiveReader& from, std::span<const Ring> rings) {
  const auto priorities = from.get<float>("priorities", size());
  for (std::size_t place = 0; place < size(); ++place) {
    const bool is_stored = place % ring_capacity_ < rings[place / ring_capacity_].size();
    if (!is_stored && priorities[place] != 0) throw Damaged("priorities: one of no row");
  }
  const auto largest = from.get<float>("largest_priority", 1);
  try {
    restore(priorities, largest.front());
  } catch (const InvalidValue& error) {
    throw Damaged(std::string("priorities: ") + error.what());
  }
}

}  // namespace sharpwave
