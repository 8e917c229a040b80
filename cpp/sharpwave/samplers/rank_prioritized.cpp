#include "sharpwave/samplers/rank_prioritized.hpp"

#include <array>
#include <cmath>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

std::size_t checked(std::size_t environments, std::size_t ring_capacity) {
  if (ring_capacity > UINT32_MAX / environments) {
    throw InvalidValue("capacity: expected at most 2^32 - 1 ranked rows, got " +
                       std::to_string(environments) + " times " + std::to_string(ring_capacity));
  }
  return environments * ring_capacity;
}

std::vector<double> masses(std::size_t rows, double alpha) {
  if (!std::isfinite(alpha) || alpha < 0) {
    throw InvalidValue("alpha: expected a finite number of at least 0, got " +
                       std::to_string(alpha));
  }
  std::vector<double> sums(rows + 1);
  for (std::size_t rank = 1; rank <= rows; ++rank) {
    sums[rank] = sums[rank - 1] + std::pow(static_cast<double>(rank), -alpha);
  }
  return sums;
}

}  // namespace

RankPrioritized::RankPrioritized(std::size_t environments, std::size_t ring_capacity,
                                 const Options& options)
    : options_(options),
      ring_capacity_(ring_capacity),
      mass_(masses(checked(environments, ring_capacity), static_cast<double>(options.alpha))),
      ranking_(environments * ring_capacity) {
  pending_.reserve(kMostPending);
}

void RankPrioritized::clear() {
  ranking_.clear();
  pending_.clear();
}

void RankPrioritized::settle() {
  for (const std::uint32_t place : pending_) ranking_.set(place, largest_);
  pending_.clear();
}

// The last rank of all is found where rounding made the mass as large as the sum.
std::size_t RankPrioritized::rank_at(double mass) const {
  const auto end = mass_.begin() + static_cast<std::ptrdiff_t>(ranking_.size());
  const auto after = std::upper_bound(mass_.begin() + 1, end, mass);
  return static_cast<std::size_t>(after - mass_.begin()) - 1;
}

void RankPrioritized::update(std::span<const std::uint64_t> places,
                             std::span<const float> td_error) {
  settle();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const float size = std::abs(td_error[i]);
    largest_ = std::max(largest_, size);
    ranking_.set(places[i], size);
  }
}

// P(rank) is proportional to (rank + 1)^-alpha, so the ratio of two of them needs no sum.
void RankPrioritized::weigh(std::span<const std::uint64_t> places, float beta,
                            std::span<float> weight) {
  std::size_t last = options_.normalize == Normalize::kBuffer ? ranking_.size() : 0;
  std::vector<std::size_t> ranks(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    ranks[i] = ranking_.rank(places[i]) + 1;
    last = std::max(last, ranks[i]);
  }
  const double exponent = static_cast<double>(options_.alpha) * static_cast<double>(beta);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double ratio = static_cast<double>(ranks[i]) / static_cast<double>(last);
    weight[i] = static_cast<float>(std::pow(ratio, exponent));
  }
}

void RankPrioritized::read(std::span<float> priorities) {
  settle();
  std::fill(priorities.begin(), priorities.end(), 0.0F);
  for (std::size_t rank = 0; rank < ranking_.size(); ++rank) {
    priorities[ranking_.at(rank)] =
        static_cast<float>(std::pow(static_cast<double>(rank + 1), -options_.alpha));
  }
}

void RankPrioritized::save(ArchiveWriter& to) {
  settle();
  std::vector<float> errors(size(), -1.0F);
  for (std::size_t place = 0; place < size(); ++place) {
    if (ranking_.is_ranked(place)) errors[place] = ranking_.value(place);
  }
  to.put<float>("errors", errors);
  to.put<float>("largest_error", std::array{largest_});
}

void RankPrioritized::restore(ArchiveReader& from, std::span<const Ring> rings) {
  const auto errors = from.get<float>("errors", size());
  const float largest = from.get<float>("largest_error", 1).front();
  const bool is_size = std::isfinite(largest) && largest >= 0;
  if (!is_size) throw Damaged("largest_error: expected a finite number");
  clear();
  for (std::size_t place = 0; place < size(); ++place) {
    const bool is_stored = place % ring_capacity_ < rings[place / ring_capacity_].size();
    const bool is_good =
        is_stored ? errors[place] >= 0 && errors[place] <= largest : errors[place] == -1.0F;
    if (!is_good) throw Damaged("errors: " + std::to_string(errors[place]) + " of no row");
    if (is_stored) ranking_.set(place, errors[place]);
  }
  largest_ = largest;
}

}  // namespace sharpwave
