#include "sharpwave/episode.hpp"

#include <algorithm>
#include <utility>

#include "sharpwave/error.hpp"

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

void Episodes::restore(std::vector<std::int64_t> begins, std::int64_t oldest, std::int64_t count) {
  const auto not_ascending = [](std::int64_t a, std::int64_t b) { return a >= b; };
  const bool is_ascending =
      std::adjacent_find(begins.begin(), begins.end(), not_ascending) == begins.end();
  const bool is_whole = begins.empty() ? oldest == count
                                       : begins.front() >= 0 && begins.back() < count &&
                                             (oldest == count || begins.front() <= oldest);
  if (!is_ascending || !is_whole)
    throw Damaged("episodes: expected ascending times of stored rows");
  begins_ = std::move(begins);
  first_ = 0;
}

Episode Episodes::at(std::int64_t time, std::int64_t count) const {
  const auto first = begins_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto next = std::upper_bound(first, begins_.end(), time);
  return {*(next - 1), next == begins_.end() ? count : *next};
}

}  // namespace sharpwave
