#pragma once
// Ranking: places in order of a value each, the largest first, and of equal values the lowest place
// first.
//
// Values and places are packed into integers that sort as they do, and lie in blocks of some
// hundred: a change moves the rest of one block, and a rank is found through the blocks' sizes.
//
// Threads: none; the owner locks. Ownership: owns its memory.
// Invariants: (1) ranks are exact at any time; (2) blocks are in order, each in order within, none
//             empty.
// Cost: a change is two binary searches and half a block moved; finding is two binary searches
//       after one pass over the blocks' sizes. 12 to 24 bytes a place.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sharpwave {

class Ranking {
 public:
  // For places 0 to places - 1, of which none is ranked yet. REQUIRES: places < 2^32.
  explicit Ranking(std::size_t places);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t places() const { return values_.size(); }
  [[nodiscard]] bool is_ranked(std::uint64_t place) const { return values_[place] >= 0; }
  // REQUIRES: is_ranked(place).
  [[nodiscard]] float value(std::uint64_t place) const { return values_[place]; }

  // Ranks a place, anew where it was ranked before. REQUIRES: value >= 0 and finite.
  // THROWS std::bad_alloc, and then the place is not ranked.
  void set(std::uint64_t place, float value);
  void clear();

  // The place of this rank, and the way back; the first one has rank 0. REQUIRES: rank < size();
  // is_ranked(place).
  [[nodiscard]] std::uint64_t at(std::size_t rank);
  [[nodiscard]] std::size_t rank(std::uint64_t place);

  [[nodiscard]] std::size_t size_bytes() const;

 private:
  using Key = std::uint64_t;
  using Block = std::vector<Key>;

  static constexpr std::size_t kMost = 512;  // keys of a block
  static constexpr std::size_t kFew = 64;    // below, a block joins its neighbour

  [[nodiscard]] Key key(std::uint64_t place) const;
  [[nodiscard]] std::size_t block_of(Key key) const;
  void insert(Key key);
  void erase(Key key);
  void split(std::size_t block);
  void join(std::size_t block);
  void count();

  std::vector<float> values_;  // of each place; -1: not ranked
  std::vector<Block> blocks_;
  std::vector<Key> firsts_;          // of each block
  std::vector<std::size_t> starts_;  // the rank of each block's first; good where is_counted_
  bool is_counted_ = false;
  std::size_t size_ = 0;
};

}  // namespace sharpwave
