#pragma once
// Eligible: a list of places, each drawn in proportion to its share.
//
// Threads: none; the owner locks.
// Cost: a binary search a draw; 16 bytes a place.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sharpwave/rng.hpp"

namespace sharpwave {

class Eligible {
 public:
  // REQUIRES: share > 0.
  void add(std::uint64_t place, double share) {
    places_.push_back(place);
    ends_.push_back((ends_.empty() ? 0.0 : ends_.back()) + share);
  }
  [[nodiscard]] bool is_empty() const { return places_.empty(); }
  // REQUIRES: a place.
  [[nodiscard]] std::uint64_t draw(Rng& rng) const {
    const double mass = static_cast<double>(rng.next() >> 11) * 0x1p-53 * ends_.back();
    const auto end = std::upper_bound(ends_.begin(), ends_.end() - 1, mass);
    return places_[static_cast<std::size_t>(end - ends_.begin())];
  }

 private:
  std::vector<std::uint64_t> places_;
  std::vector<double> ends_;  // running sums of the shares
};

}  // namespace sharpwave
