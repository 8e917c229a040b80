#pragma once
// Sampling without replacement: every stored row once an epoch, in random order.
//
// A row that is stored during an epoch joins it. One that overwrites another takes over its turn,
// or joins anew if the old one had been drawn. When the last row of an epoch has been drawn the
// next epoch begins, be it in the middle of a batch.
//
// Threads: none; the owner locks.
// Invariants: (1) order_ begins with the stored places: first those not yet drawn in this epoch,
//             pending_ of them, then those that were; (2) order_[position_[p]] == p for each of
//             them; (3) some row is pending whenever some row is stored.
// Cost: one draw and a few memory accesses a row; 8 bytes a place.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/archive.hpp"
#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"

namespace sharpwave {

class WithoutReplacement {
 public:
  // What a checkpoint keeps: the stored places, those that are pending first.
  struct State {
    std::span<const std::uint32_t> order;
    std::size_t pending;
  };

  // For places 0 to places - 1. THROWS InvalidValue when they do not fit in 32 bits.
  explicit WithoutReplacement(std::size_t places);

  // A row was stored at this place, perhaps over an older one. REQUIRES: place < places.
  void added(std::uint64_t place);
  // No row is stored any more.
  void clear();

  // Fills `out` with places, and calls seen(place) as soon as each is known.
  // REQUIRES: at least one row stored.
  template <typename Seen>
  void draw(Rng& rng, std::span<std::uint64_t> out, Seen seen) {
    while (!out.empty()) {
      const auto tile = out.first(std::min({kTile, out.size(), pending_}));
      choose(rng, tile);
      take(tile);
      for (const std::uint64_t place : tile) seen(place);
      out = out.subspan(tile.size());
    }
  }

  [[nodiscard]] std::size_t size_bytes() const {
    return (order_.size() + position_.size()) * sizeof(std::uint32_t);
  }

  // Valid until the next call that is not const.
  [[nodiscard]] State state() const { return {std::span(order_).first(stored_), pending_}; }
  // Goes on where another sampler was. THROWS InvalidValue, and changes nothing, unless the state
  // names each row that these rings store once. REQUIRES: rings of places slots in all.
  void restore(const State& state, std::span<const Ring> rings);
  void save(ArchiveWriter& to) const;
  void restore(ArchiveReader& from, std::span<const Ring> rings);

 private:
  // In constant time and right whatever a place that is not stored has left behind (Briggs &
  // Torczon 1993, "An efficient representation for sparse sets"), so clear() costs nothing.
  [[nodiscard]] bool is_stored(std::uint32_t place) const {
    return position_[place] < stored_ && order_[position_[place]] == place;
  }

  void swap(std::size_t a, std::size_t b);

  // So many draws are on their way from memory at once.
  static constexpr std::size_t kTile = 32;

  // Which of the pending rows comes next, for each of these draws. The numbers depend on how many
  // are pending alone, so what they lead to is fetched before any of it is needed.
  void choose(Rng& rng, std::span<std::uint64_t> tile) const;
  // Draws what was chosen: each number becomes a place.
  void take(std::span<std::uint64_t> tile);

  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> position_;  // in order_, of each stored place
  std::size_t stored_ = 0;
  std::size_t pending_ = 0;
};

}  // namespace sharpwave
