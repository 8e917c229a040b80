#include "sharpwave/sequence.hpp"

#include <algorithm>

namespace sharpwave {

bool Sequences::may_begin(std::uint64_t place) const {
  const Transitions::StoredEpisode episode = from_.episode_at(place);
  const auto position = static_cast<std::size_t>(episode.time - episode.begin);
  const auto left = static_cast<std::size_t>(episode.end - episode.time);
  return position % options_.period == 0 && left > options_.burn_in;
}

void Sequences::rows(std::uint64_t begin, std::span<std::uint64_t> out) const {
  const Transitions::StoredEpisode episode = from_.episode_at(begin);
  const std::size_t ring_capacity = from_.ring_capacity();
  const std::uint64_t ring_end = (episode.environment + 1) * ring_capacity;
  const auto left = static_cast<std::size_t>(episode.end - episode.time);
  const std::size_t stored = std::min(left, out.size());
  std::uint64_t place = begin;
  for (std::size_t i = 0; i < stored; ++i) {
    out[i] = place++;
    if (place == ring_end) place -= ring_capacity;
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(stored), out.end(), kPadding);
}

}  // namespace sharpwave
