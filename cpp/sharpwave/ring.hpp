#pragma once
// Ring: which transitions of one environment are stored, and where.
//
// A *slot* is a place in the ring, 0 to capacity - 1; a transition's *time* counts what that
// environment ever added, from 0. Only this file converts between the two.
//
// Threads: none; the owner locks.
// Invariants: (1) with Insertion::kLatest the stored times are [count - size, count) and lie in
//             successive slots, the first one after construction or clear() in slot 0;
//             (2) with Insertion::kReservoir every time below count was stored with the same
//             probability min(1, capacity / count) and lies in any slot below size.
// Cost: every call is a few instructions; finding a time in a reservoir is a hash lookup.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "sharpwave/rng.hpp"

namespace sharpwave {

// Which transitions stay when a ring is full: the latest, or a uniform sample of all that ever came
// (Vitter 1985, Algorithm R).
enum class Insertion : bool { kLatest, kReservoir };

class Ring {
 public:
  // REQUIRES: capacity > 0.
  explicit Ring(std::size_t capacity, Insertion insertion = Insertion::kLatest);

  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool full() const { return size_ == capacity_; }
  [[nodiscard]] bool is_reservoir() const { return insertion_ == Insertion::kReservoir; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  // The time of the oldest row. REQUIRES: not a reservoir.
  [[nodiscard]] std::int64_t oldest() const { return count_ - static_cast<std::int64_t>(size_); }

  // How a ring that is no reservoir names its rows: a copy for loops over a batch, which nothing
  // else can point to, so that it stays in registers. Of a reservoir it says slots alone.
  struct Order {
    std::size_t capacity;
    std::size_t first;    // the slot of the oldest row
    std::int64_t oldest;  // its time
    std::int64_t count;

    [[nodiscard]] std::size_t slot(std::size_t age) const {
      const std::size_t at = first + age;
      return at < capacity ? at : at - capacity;
    }
    [[nodiscard]] std::int64_t time(std::size_t slot) const {
      return oldest +
             static_cast<std::int64_t>(slot < first ? slot + capacity - first : slot - first);
    }
    [[nodiscard]] std::optional<std::size_t> find(std::int64_t time) const {
      if (time < oldest || time >= count) return std::nullopt;
      return slot(static_cast<std::size_t>(time - oldest));
    }
  };
  [[nodiscard]] Order order() const { return {capacity_, first_, oldest(), count_}; }

  // The slot of the `age`-th oldest row; in a reservoir, of some row, each once. REQUIRES: age <
  // size().
  [[nodiscard]] std::size_t slot(std::size_t age) const { return order().slot(age); }
  // The time of the row in a slot. REQUIRES: a row is stored there.
  [[nodiscard]] std::int64_t time(std::size_t slot) const {
    return is_reservoir() ? times_[slot] : order().time(slot);
  }
  // Where the row of this time lies, or nothing when it is not stored (any more).
  [[nodiscard]] std::optional<std::size_t> find(std::int64_t time) const {
    return is_reservoir() ? find_in_reservoir(time) : order().find(time);
  }
  // REQUIRES: a row of this time is stored.
  [[nodiscard]] std::size_t slot_of(std::int64_t time) const {
    return is_reservoir() ? slots_.at(time) : slot(static_cast<std::size_t>(time - oldest()));
  }
  // REQUIRES: size() > 0.
  [[nodiscard]] std::size_t newest_slot() const { return newest_; }
  // Whether a row lies in this slot.
  [[nodiscard]] bool holds(std::size_t slot) const {
    return (slot < first_ ? slot + capacity_ : slot) - first_ < size_;
  }

  // Where the row that comes next goes, or nothing when a reservoir lets it pass. Whoever asks
  // calls push() with the answer. A row lies there already where slot < size().
  [[nodiscard]] std::optional<std::size_t> choose(Rng& rng) const;
  void push(std::optional<std::size_t> slot);
  // Both at once. REQUIRES: not a reservoir.
  void push() { push(head_); }
  // Forgets every row; times go on, so that an index never names two transitions.
  void clear();

  // What a checkpoint keeps; the rest follows from it.
  struct State {
    std::uint64_t size;
    std::uint64_t newest;  // 0 where nothing is stored
    std::int64_t count;
    std::int64_t begun;
    std::vector<std::int64_t> times;  // of a reservoir, one a row
  };
  [[nodiscard]] State state() const;
  // THROWS Damaged for what no ring of this capacity and insertion can be.
  void restore(const State& state);

  // What a reservoir's books take; how many of them are the hash table's own is an estimate.
  [[nodiscard]] std::size_t size_bytes() const;

  // A view of the newest rows: this ring as if it stored no others. REQUIRES: rows <= size(); not a
  // reservoir, in which rows have no order.
  [[nodiscard]] Ring newest(std::size_t rows) const;

 private:
  [[nodiscard]] std::optional<std::size_t> find_in_reservoir(std::int64_t time) const;
  void restore_times(std::span<const std::int64_t> times);
  void keep(std::size_t slot, std::int64_t time, bool replaces);

  std::size_t capacity_;
  Insertion insertion_;
  std::size_t size_ = 0;
  std::size_t head_ = 0;    // the slot behind the newest row; unused in a reservoir
  std::size_t first_ = 0;   // the slot of the oldest row; 0 in a reservoir
  std::size_t newest_ = 0;  // the slot of the row stored last
  std::int64_t count_ = 0;
  // Of a reservoir alone.
  std::int64_t begun_ = 0;  // the count at construction or clear()
  std::vector<std::int64_t> times_;
  std::unordered_map<std::int64_t, std::size_t> slots_;
};

}  // namespace sharpwave
