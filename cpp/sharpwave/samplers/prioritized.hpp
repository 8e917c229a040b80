#pragma once
// Prioritized sampling: a row is drawn in proportion to p = (|td_error| + eps)^alpha (Schaul et
// al. 2016, "Prioritized experience replay").
//
// Rows that were added are noted and get their priority when somebody asks next: an addition costs
// next to nothing, and neighbours share the sums above them.
//
// Threads: none; the owner locks. Ownership: owns its tree.
// Invariants: (1) a new row has the largest priority given until then, 1 at first;
//             (2) a row of priority 0 is never drawn.
// Cost: docs/decisions/0008.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/archive.hpp"
#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/strata.hpp"
#include "sharpwave/samplers/sum_tree.hpp"

namespace sharpwave {

class Prioritized {
 public:
  // Weights are divided by the largest one of the batch, or by the largest one of all stored rows.
  enum class Normalize : bool { kBatch, kBuffer };

  struct Options {
    float alpha = 0.6F;
    float eps = 1e-6F;
    Normalize normalize = Normalize::kBatch;
  };

  // REQUIRES: environments and ring_capacity positive. THROWS InvalidValue, OutOfMemory.
  Prioritized(std::size_t environments, std::size_t ring_capacity, const Options& options);

  // What a sampler takes.
  static std::size_t bytes(std::size_t environments, std::size_t ring_capacity,
                           const Options& options);

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] std::size_t size_bytes() const { return tree_.memory().size(); }
  // Appends where its memory lies.
  void list(Blocks& blocks) const { blocks.push_back(tree_.memory()); }

  // A row was stored at this place.
  void added(std::uint64_t place) {
    has_pending_ = true;
    PlaceRange& pending = pending_[pending_.size() == 1 ? 0 : place / ring_capacity_];
    if (place == pending.end) {
      ++pending.end;
    } else {
      begin_range(pending, place);
    }
  }

  // No row is stored any more. The largest priority is kept.
  void clear();

  // Draws out.places.size() places, one in each of as many equal parts of the sum of priorities,
  // with their priorities. One batch at a time. THROWS InvalidValue when every priority is 0.
  Strata strata(const Strata::Out& out);

  // The same at once: calls seen(place) as soon as each is known.
  template <typename Seen>
  void draw(Rng& rng, std::span<std::uint64_t> out, Seen seen) {
    priorities_.resize(out.size());
    strata({out, priorities_}).draw_until(out.size(), rng, seen);
  }

  // Of equal places the last one counts. REQUIRES: finite errors.
  void update(std::span<const std::uint64_t> places, std::span<const float> td_error);

  // Priorities become weights, (smallest priority / priority)^beta: what remains of (N * P)^-beta,
  // divided by its maximum.
  void weigh(float beta, std::span<float> priorities) const;
  // The same of places. REQUIRES: no row was added since they were drawn.
  void weigh(std::span<const std::uint64_t> places, float beta, std::span<float> weight) const {
    tree_.get(places, weight);
    weigh(beta, weight);
  }

  // The priorities of all places (0: no row) and the largest one given say all.
  void save(ArchiveWriter& to);
  void restore(ArchiveReader& from, std::span<const Ring> rings);
  [[nodiscard]] std::size_t size() const { return tree_.size(); }
  [[nodiscard]] float largest() const { return largest_; }
  void read(std::span<float> priorities);
  // REQUIRES: a priority is positive only where a row is stored. THROWS InvalidValue.
  void restore(std::span<const float> priorities, float largest);

 private:
  void begin_range(PlaceRange& pending, std::uint64_t place);
  // Gives pending rows their priority.
  void settle();
  void check_drawable() const;

  // Immutable after construction.
  Options options_;
  std::size_t ring_capacity_;

  SumTree tree_;
  float largest_ = 1;
  // The rows that each environment added last, and ranges that were broken off by a wrap.
  std::vector<PlaceRange> pending_;
  std::vector<PlaceRange> broken_off_;
  bool has_pending_ = false;
  std::vector<double> mass_;       // scratch: of draws on their way
  std::vector<float> priorities_;  // scratch
};

}  // namespace sharpwave
