#pragma once
// Ring: which transitions of one environment are stored, and where.
//
// A *slot* is a place in the ring, 0 to capacity - 1; a transition's *time* counts what that
// environment ever added, from 0. Only this file converts between the two.
//
// Threads: none; the owner locks.
// Invariants: (1) stored times are [count - size, count); (2) successive times lie in successive
//             slots, the first one after construction or clear() in slot 0.
// Cost: every call is a few instructions.

#include <cstddef>
#include <cstdint>

namespace sharpwave {

class Ring {
 public:
  // REQUIRES: capacity > 0.
  explicit Ring(std::size_t capacity) : capacity_(capacity) {}

  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool full() const { return size_ == capacity_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::int64_t oldest() const { return count_ - static_cast<std::int64_t>(size_); }

  // The slot of the `age`-th oldest row. REQUIRES: age < size().
  [[nodiscard]] std::size_t slot(std::size_t age) const {
    const std::size_t at = first_ + age;
    return at < capacity_ ? at : at - capacity_;
  }
  [[nodiscard]] std::size_t newest_slot() const { return head_ == 0 ? capacity_ - 1 : head_ - 1; }
  // Where the next row goes; when full() the oldest row lies there.
  [[nodiscard]] std::size_t next_slot() const { return head_; }

  // Gives the next slot to a new row, over the oldest one when full.
  void push();
  // Forgets every row; times go on, so that an index never names two transitions.
  void clear();

 private:
  std::size_t capacity_;
  std::size_t size_ = 0;
  std::size_t head_ = 0;   // the slot behind the newest row
  std::size_t first_ = 0;  // the slot of the oldest row
  std::int64_t count_ = 0;
};

}  // namespace sharpwave
