#pragma once
// Hindsight: goals that were reached, in place of those that were wanted (Andrychowicz et al.
// 2017).
//
// Threads: none; the owner locks. Ownership: refers to the owner's transitions and gather.
// Cost: a binary search and a copied goal a relabelled row, and one achieved goal a row of its
//       window, for the reward function.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/gather.hpp"
#include "sharpwave/n_step.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/transitions.hpp"

namespace sharpwave {

struct HindsightOptions {
  // Where the goal of a row is taken from: from then on, at its episode's end, anywhere in it.
  enum class Strategy { kFuture, kFinal, kEpisode };

  Strategy strategy;
  double share;          // of the samples that are relabelled
  std::size_t achieved;  // obs fields of the same shape and dtype
  std::size_t desired;
};

// What a reward function must be asked for: every row of every relabelled window, in order.
struct Relabelled {
  std::vector<std::size_t> rows;     // of the batch
  std::vector<std::size_t> lengths;  // of each one's window
  std::vector<std::byte> achieved;   // the goal that each row of the windows achieved
  std::vector<std::byte> desired;    // the goal that now stands there
  double gamma = 0.0;

  [[nodiscard]] std::size_t steps() const;
  // reward[row] = sum of gamma^i rewards[i] over each window. REQUIRES: steps() rewards.
  void put(std::span<const double> rewards, float* reward) const;
};

class Hindsight {
 public:
  Hindsight(const HindsightOptions& options, const Transitions& from, const NStep& n_step,
            const Gather& gather);

  // Relabels a filled block: `rows` are its places, and each of its samples has one goal.
  [[nodiscard]] Relabelled relabel(Rng& rng, std::span<const std::uint64_t> rows,
                                   const Target& to) const;

 private:
  [[nodiscard]] std::uint64_t goal_row(Rng& rng, std::uint64_t row) const;
  void relabel_row(std::uint64_t row, std::size_t at, std::uint64_t goal, const Target& to,
                   Relabelled& done) const;

  HindsightOptions options_;
  const Transitions& from_;
  const NStep& n_step_;
  const Gather& gather_;
};

}  // namespace sharpwave
