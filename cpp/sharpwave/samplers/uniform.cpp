#include "sharpwave/samplers/uniform.hpp"

#include <algorithm>

namespace sharpwave {

Uniform::Uniform(Rng& rng, std::span<const Ring> rings) : rng_(&rng), rings_(rings) {
  bool is_uneven = false;
  for (const Ring& ring : rings) {
    stored_ += ring.size();
    is_uneven = is_uneven || ring.size() != rings.front().size();
  }
  if (!is_uneven) return;
  for (const Ring& ring : rings) ends_.push_back((ends_.empty() ? 0 : ends_.back()) + ring.size());
}

Uniform::Named Uniform::named(std::size_t k) const {
  std::size_t environment = 0;
  std::size_t age = k;
  if (ends_.empty()) {
    environment = k / rings_.front().size();
    age = k % rings_.front().size();
  } else {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), k);
    environment = static_cast<std::size_t>(end - ends_.begin());
    age = end == ends_.begin() ? k : k - *(end - 1);
  }
  const Ring& ring = rings_[environment];
  const std::size_t slot = ring.slot(age);
  return {environment * ring.capacity() + slot,
          ring.time(slot) * static_cast<std::int64_t>(rings_.size()) +
              static_cast<std::int64_t>(environment)};
}

}  // namespace sharpwave
