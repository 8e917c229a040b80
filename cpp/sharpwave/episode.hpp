#pragma once
// Episodes: where the episodes of one environment begin and end.
//
// Threads: none; the owner locks.
// Invariants: (1) begins are ascending times, the first one at or before the oldest stored row;
//             (2) an episode ends where the next one begins, the last one behind the newest row.
// Cost: finding an episode is a binary search; memory is 8 bytes an episode.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sharpwave {

// Times begin to end - 1.
struct Episode {
  std::int64_t begin;
  std::int64_t end;
};

class Episodes {
 public:
  // Makes room for `episodes` more begins. THROWS std::bad_alloc, and then nothing has changed.
  void reserve(std::size_t episodes);
  // An episode begins at `time`. REQUIRES: later than every begin before; room from reserve().
  void begin(std::int64_t time) { begins_.push_back(time); }
  // Forgets the episodes that end before `oldest` or there.
  void forget_before(std::int64_t oldest);
  void clear();

  // The episode that `time` belongs to, where `count` is the time behind the newest row.
  // REQUIRES: it has begun and is not forgotten.
  [[nodiscard]] Episode at(std::int64_t time, std::int64_t count) const;
  [[nodiscard]] std::size_t size() const { return begins_.size() - first_; }
  [[nodiscard]] std::size_t size_bytes() const { return begins_.capacity() * sizeof(begins_[0]); }

  [[nodiscard]] std::span<const std::int64_t> begins() const {
    return std::span(begins_).subspan(first_);
  }
  // THROWS Damaged unless these are the begins of the rows from `oldest` to `count` - 1.
  void restore(std::vector<std::int64_t> begins, std::int64_t oldest, std::int64_t count);

 private:
  std::vector<std::int64_t> begins_;
  std::size_t first_ = 0;  // what lies before is forgotten
};

}  // namespace sharpwave
