#pragma once
// NStep: the window of a row, which is the n-step transition that begins there.
//
// Threads: none; the owner locks. Ownership: refers to the owner's table.
// Cost: one record a step of the window.

#include <cstddef>
#include <cstdint>

#include "sharpwave/table.hpp"

namespace sharpwave {

// Rows t to t + k - 1, where k <= n is the first position whose row is terminated, truncated, cut
// or the newest one, else n (Sutton & Barto 2018, section 7.1, with a bootstrap at the last row).
struct Window {
  std::uint64_t last;  // the place of row t + k - 1
  float reward;        // sum of gamma^i r[t + i]; the stored bits where k = 1
  float discount;      // gamma^k, or 0 where that row terminated
};

class NStep {
 public:
  // `reward_offset` is that of the reward in the table's records.
  NStep(const Table& table, std::size_t reward_offset, std::size_t ring_capacity);

  void set_n_step(std::size_t n_step) { n_step_ = n_step; }
  void set_gamma(double gamma) { gamma_ = gamma; }
  [[nodiscard]] std::size_t n_step() const { return n_step_; }
  [[nodiscard]] double gamma() const { return gamma_; }

  [[nodiscard]] Window window(std::uint64_t row) const;

  // The place of the row behind `row` in its ring.
  [[nodiscard]] std::uint64_t behind(std::uint64_t row, const Meta& meta) const {
    return (meta.flags & Meta::kLastSlot) != 0 ? row + 1 - ring_capacity_ : row + 1;
  }

 private:
  [[nodiscard]] float reward(std::uint64_t row) const;

  const Table& table_;
  std::size_t reward_offset_;
  std::size_t ring_capacity_;
  std::size_t n_step_ = 1;
  double gamma_ = 0.99;
};

}  // namespace sharpwave
