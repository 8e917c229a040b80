#include "sharpwave/episode.hpp"

#include <algorithm>

namespace sharpwave {

void Episodes::reserve(std::size_t episodes) {
  if (begins_.capacity() - begins_.size() >= episodes) return;
  if (first_ > begins_.size() / 2) {
    begins_.erase(begins_.begin(), begins_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  const std::size_t wanted = begins_.size() + episodes;
  if (wanted > begins_.capacity()) begins_.reserve(std::max(wanted, 2 * begins_.capacity()));
}

void Episodes::forget_before(std::int64_t oldest) {
  while (first_ + 1 < begins_.size() && begins_[first_ + 1] <= oldest) ++first_;
}

void Episodes::clear() {
  begins_.clear();
  first_ = 0;
}

Episode Episodes::at(std::int64_t time, std::int64_t count) const {
  const auto first = begins_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto next = std::upper_bound(first, begins_.end(), time);
  return {*(next - 1), next == begins_.end() ? count : *next};
}

}  // namespace sharpwave
