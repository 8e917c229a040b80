#pragma once
// Listing: which rows are stored, and how they hang together.
//
// Threads: none; the owner locks.
// Cost: one pass over the rows' flags; 9 bytes a row.

#include <cstdint>
#include <vector>

#include "sharpwave/transitions.hpp"

namespace sharpwave {

// Environment by environment, each one's oldest row first; in a reservoir, in any order.
struct Listing {
  static constexpr std::uint8_t kTerminated = 1;
  static constexpr std::uint8_t kTruncated = 2;
  // end_episode() was called behind this row.
  static constexpr std::uint8_t kCut = 4;
  // The row that its environment added next is stored and comes next here.
  static constexpr std::uint8_t kHasNext = 8;
  // And its obs is, bit for bit as they are stored, this row's successor.
  static constexpr std::uint8_t kContinues = 16;

  std::vector<std::int64_t> index;
  std::vector<std::uint8_t> flags;
};

// THROWS std::bad_alloc.
Listing listing_of(const Transitions& transitions);

}  // namespace sharpwave
