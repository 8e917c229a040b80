#pragma once
// What sampling without replacement means, in two sets: whoever draws asks whether it was right to.

#include <cstdint>
#include <set>

struct NaiveWithoutReplacement {
  std::set<std::uint64_t> stored;
  std::set<std::uint64_t> pending;  // not yet drawn in this epoch

  void added(std::uint64_t place) {
    stored.insert(place);
    pending.insert(place);
  }

  void clear() {
    stored.clear();
    pending.clear();
  }

  // Whether this place could be drawn now; then it has been.
  bool drawn(std::uint64_t place) {
    const bool was_pending = pending.erase(place) == 1;
    if (pending.empty()) pending = stored;
    return was_pending;
  }
};
