#pragma once
// Emphasizing recent experience (ERE; Wang & Ross 2019, arXiv:1906.04009): the updates of a phase
// draw uniformly from ever fewer, ever newer rows.
//
// Update k = 0 … K - 1 of a phase of K draws from the newest c_k = max(N eta^(1000 k / K), c_min)
// rows, N the buffer's capacity, as in the authors' code: the first one draws from all. With
// several rings it is the same fraction of each ring's stored rows, at least one where there is
// one.
//
// Threads: none; the owner locks.
// Cost: one power a batch, then what Uniform costs.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/archive.hpp"
#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/uniform.hpp"

namespace sharpwave {

class Recency {
 public:
  // All that a checkpoint keeps, too.
  struct State {
    double eta;              // above 0, at most 1
    std::uint64_t min_rows;  // c_min, at least 1
    std::uint64_t updates;   // K, at least 1: how many batches a phase has
    std::uint64_t update;    // k, below updates: how many of this phase have been drawn
  };

  // THROWS InvalidValue for a state outside its ranges.
  explicit Recency(const State& state);

  [[nodiscard]] const State& state() const { return state_; }
  // THROWS InvalidValue. In the paper eta goes to 1 in the course of training.
  void set_eta(double eta);
  // A new phase of this many updates begins. THROWS InvalidValue.
  void set_updates(std::uint64_t updates);

  void save(ArchiveWriter& to) const;
  void restore(ArchiveReader& from, std::span<const Ring> rings);

  // What the next batch is drawn with; the phase goes on by one update. Valid until the next call.
  // REQUIRES: as Uniform does.
  [[nodiscard]] Uniform next(Rng& rng, std::span<const Ring> rings);

 private:
  State state_;
  std::vector<Ring> newest_;  // scratch: of each ring, the rows that this update draws from
};

}  // namespace sharpwave
