#include "sharpwave/sequence.hpp"

#include <algorithm>

namespace sharpwave {

bool Sequences::may_begin(std::uint64_t place) const {
  const Transitions::StoredEpisode episode = from_.episode_at(place);
  const auto position = static_cast<std::size_t>(episode.time - episode.begin);
  const auto left = static_cast<std::size_t>(episode.end - episode.time);
  return position % options_.period == 0 && left > options_.burn_in;
}

bool Sequences::fits(Episode episode, std::int64_t oldest) const {
  const auto period = static_cast<std::int64_t>(options_.period);
  const std::int64_t lost = std::max<std::int64_t>(oldest - episode.begin, 0);
  const std::int64_t first = episode.begin + (lost + period - 1) / period * period;
  return episode.end - first > static_cast<std::int64_t>(options_.burn_in);
}

bool Sequences::may_begin_anywhere() const {
  for (std::size_t e = 0; e < from_.rings().size(); ++e) {
    const Ring& ring = from_.rings()[e];
    if (ring.size() == 0) continue;
    if (ring.is_reservoir() && options_.burn_in == 0) return true;  // each row for itself
    const std::span<const std::int64_t> begins = from_.episode_begins(e);
    for (std::size_t i = 0; i < begins.size(); ++i) {
      const std::int64_t end = i + 1 < begins.size() ? begins[i + 1] : ring.count();
      if (fits({begins[i], end}, ring.oldest())) return true;
    }
  }
  return false;
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
