#pragma once
// SumTree: a number for each place, the sum of all, and the place in which a part of the sum lies.
//
// Sixteen-ary and implicit: float32 leaves in lines of 16, above them double sums of 16 children
// each, with the sums of the children before (docs/decisions/0008).
//
// Threads: none; the owner locks. Ownership: owns its memory.
// Invariants: (1) every sum is computed from what lies below it, never corrected by differences:
//             total() depends on the leaves alone and not on how they came about;
//             (2) no leaf is found that is zero, whatever the rounding, while total() > 0; (3)
//             every platform finds the same leaves.
// Cost: docs/decisions/0008; 5.2 bytes a leaf.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/kernels/cpu.hpp"
#include "sharpwave/memory.hpp"

namespace sharpwave {

struct PlaceRange {
  std::uint64_t first;
  std::uint64_t end;
};

class SumTree {
 public:
  // Whether smallest() is wanted: it costs a little at each update.
  enum class WithSmallest : bool { kNo, kYes };

  // Every leaf is zero. REQUIRES: 0 < leaves <= 2^36. THROWS OutOfMemory.
  explicit SumTree(std::size_t leaves, WithSmallest smallest = WithSmallest::kNo);

  // What a tree takes.
  static std::size_t bytes(std::size_t leaves, WithSmallest smallest);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<const std::byte> memory() const { return memory_.bytes(); }
  [[nodiscard]] double total() const { return crown_->sum[0]; }
  [[nodiscard]] bool has_smallest() const { return !smallest_.empty(); }
  // The smallest of the leaves that are not zero; 0 where there is none. REQUIRES: kYes.
  [[nodiscard]] float smallest() const { return smallest_.back()[0]; }
  [[nodiscard]] float leaf(std::uint64_t place) const { return leaves_[stand(place)]; }

  // REQUIRES for all that follow: places below size(); values finite and not negative.

  // Of equal places the last one counts.
  void set(std::span<const std::uint64_t> places, std::span<const float> values);
  void fill(std::span<const PlaceRange> ranges, float value);
  void clear();
  void get(std::span<const std::uint64_t> places, std::span<float> out) const;
  // All leaves, in the order of places. REQUIRES: size() values.
  void read(std::span<float> leaves) const;
  void write(std::span<const float> leaves);

  // lines[i] = the line of leaves in which mass[i] of the sum of all lies, which is asked for, and
  // mass[i] what is left of it there. REQUIRES: 0 <= mass[i] <= total(), total() > 0.
  void descend(std::span<double> mass, std::span<std::uint64_t> lines) const;
  // at[i], a line, becomes the place whose leaf begins at or before mass[i] in it and ends behind
  // it, and values[i] the leaf. REQUIRES: what descend() gave.
  void find_leaves(std::span<const double> mass, std::span<std::uint64_t> at,
                   std::span<float> values) const {
    kernels_->find_leaves(leaves_, at.data(), mass.data(), at.size(), values.data());
  }

 private:
  // Where the leaf of a place stands: its line is a square.
  static std::uint64_t stand(std::uint64_t place) {
    return (place & ~std::uint64_t{15}) | in_square(place & 15);
  }

  struct Level {
    SumNode* nodes;
    std::size_t count;
  };

  // Sums anew what lies above these lines, level by level. `list` is used up.
  void settle(std::span<std::uint32_t> list);
  // Each parent once, in place of the listed nodes; returns how many.
  std::size_t list_parents(std::span<std::uint32_t> list);

  // Immutable after construction.
  const Kernels* kernels_;
  std::size_t size_;
  Memory memory_;
  float* leaves_;
  std::vector<Level> levels_;     // from the lines' parents to the root
  SumNode* crown_;                // above the root: its first sum is the total
  std::vector<float*> smallest_;  // of each line and of each level's nodes; or none

  std::vector<std::uint8_t> is_listed_;  // one a node of a level; all 0 between calls
};

}  // namespace sharpwave
