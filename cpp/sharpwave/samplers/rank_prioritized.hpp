#pragma once
// Rank-based prioritized sampling: the row of rank r by |td_error|, the largest first, is drawn in
// proportion to (1 / r)^alpha (Schaul et al. 2016, "Prioritized experience replay", section 3.3).
//
// The paper's ranks are those of a heap that is sorted now and then; these are exact at every draw.
// Of equal errors the row with the lower place has the lower rank.
//
// Threads: none; the owner locks. Ownership: owns its ranking.
// Invariants: (1) a new row has the largest |td_error| given until then, 1 at first;
//             (2) every stored row can be drawn.
// Cost: a draw is two binary searches, an update moves a few hundred bytes; 8 bytes a row beside
//       the ranking's.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/archive.hpp"
#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/prioritized.hpp"
#include "sharpwave/samplers/ranking.hpp"

namespace sharpwave {

class RankPrioritized {
 public:
  using Normalize = Prioritized::Normalize;

  struct Options {
    float alpha = 0.7F;
    Normalize normalize = Normalize::kBatch;
  };

  // THROWS InvalidValue when places do not fit in 32 bits or alpha is no exponent.
  RankPrioritized(std::size_t environments, std::size_t ring_capacity, const Options& options);

  // A row was stored at this place: it is ranked when somebody asks next, or when many wait.
  void added(std::uint64_t place) {
    if (pending_.size() == kMostPending) settle();
    pending_.push_back(static_cast<std::uint32_t>(place));
  }
  // No row is stored any more. The largest error is kept.
  void clear();

  // Draws out.size() places, one in each of as many equal parts of the distribution, and calls
  // seen(place) as soon as each is known. REQUIRES: a row is stored.
  template <typename Seen>
  void draw(Rng& rng, std::span<std::uint64_t> out, Seen seen) {
    settle();
    const double width = mass_.at(ranking_.size()) / static_cast<double>(out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double part = static_cast<double>(rng.next() >> 11) * 0x1p-53;
      out[i] = ranking_.at(rank_at((static_cast<double>(i) + part) * width));
      seen(out[i]);
    }
  }

  // Of equal places the last one counts. REQUIRES: finite errors.
  void update(std::span<const std::uint64_t> places, std::span<const float> td_error);

  // weight = (least probable / probability)^beta.
  void weigh(std::span<const std::uint64_t> places, float beta, std::span<float> weight);

  [[nodiscard]] std::size_t size() const { return ranking_.places(); }
  [[nodiscard]] std::size_t size_bytes() const {
    return ranking_.size_bytes() + mass_.capacity() * sizeof(double) +
           pending_.capacity() * sizeof(std::uint32_t);
  }
  // What each place is drawn in proportion to; 0: no row.
  void read(std::span<float> priorities);
  void save(ArchiveWriter& to);
  void restore(ArchiveReader& from, std::span<const Ring> rings);

 private:
  static constexpr std::size_t kMostPending = 1024;

  void settle();
  // The rank in which this part of the sum of all (1 / rank)^alpha lies.
  [[nodiscard]] std::size_t rank_at(double mass) const;

  // Immutable after construction.
  Options options_;
  std::size_t ring_capacity_;
  std::vector<double> mass_;  // [n]: the sum of (1 / rank)^alpha of the first n ranks

  Ranking ranking_;
  float largest_ = 1;
  std::vector<std::uint32_t> pending_;
};

}  // namespace sharpwave
