#include "sharpwave/listing.hpp"

#include <cstddef>

namespace sharpwave {
namespace {

std::uint8_t flags_of(const Meta& meta, bool has_next, bool is_reservoir) {
  int flags = 0;
  if (meta.terminated) flags |= Listing::kTerminated;
  if (meta.truncated) flags |= Listing::kTruncated;
  if (is_reservoir) return static_cast<std::uint8_t>(flags);  // each row is cut there
  if (meta.is_cut()) flags |= Listing::kCut;
  if (has_next) flags |= Listing::kHasNext;
  if (has_next && meta.successor < Meta::kSide) flags |= Listing::kContinues;
  return static_cast<std::uint8_t>(flags);
}

}  // namespace

Listing listing_of(const Transitions& transitions) {
  Listing listing;
  listing.index.reserve(transitions.size());
  listing.flags.reserve(transitions.size());
  for (std::size_t e = 0; e < transitions.rings().size(); ++e) {
    const Ring& ring = transitions.rings()[e];
    for (std::size_t age = 0; age < ring.size(); ++age) {
      const std::uint64_t place = e * ring.capacity() + ring.slot(age);
      const bool has_next = age + 1 < ring.size();
      listing.index.push_back(transitions.index_at(place));
      listing.flags.push_back(
          flags_of(transitions.table().meta(place), has_next, ring.is_reservoir()));
    }
  }
  return listing;
}

}  // namespace sharpwave
