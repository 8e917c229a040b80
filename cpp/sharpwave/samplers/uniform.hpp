#pragma once
// Uniform sampling: every stored row, equally, with replacement.
//
// Threads: none; the owner locks. Ownership: refers to the owner's generator and rings.
// Cost: one draw a row, and one division where there are several environments.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/sampler.hpp"

namespace sharpwave {

class Uniform {
 public:
  // REQUIRES: all rings have one capacity, and at least one row is stored.
  Uniform(Rng& rng, std::span<const Ring> rings);

  // The rings that it draws from.
  [[nodiscard]] std::span<const Ring> rings() const { return rings_; }

  // Fills `out`, and calls seen(row) as soon as each row is known: whoever starts to fetch it there
  // has the next draw for nothing (docs/decisions/0003).
  template <typename Seen>
  void draw(Drawn out, Seen seen) {
    if (rings_.size() == 1 && !rings_.front().is_reservoir()) {
      draw_as(out, seen,
              [order = rings_.front().order()](std::size_t k) { return named(order, k); });
    } else {
      draw_as(out, seen, [this](std::size_t k) { return named(k); });
    }
  }

 private:
  struct Named {
    std::uint64_t row;
    std::int64_t index;
  };

  // One environment's `age`-th oldest row. REQUIRES: no reservoir.
  static Named named(const Ring::Order& order, std::size_t age) {
    return {order.slot(age), order.oldest + static_cast<std::int64_t>(age)};
  }

  // The k-th row of all, counted by environment and then by age.
  [[nodiscard]] Named named(std::size_t k) const;

  // Generator, ring and `seen` are copies that nothing else can point to: they stay in registers.
  template <typename Seen, typename Name>
  void draw_as(Drawn out, Seen seen, const Name& name) {
    Rng rng = *rng_;
    const std::size_t stored = stored_;
    for (std::size_t i = 0; i < out.rows.size(); ++i) {
      const Named drawn = name(rng.below(stored));
      out.rows[i] = drawn.row;
      out.index[i] = drawn.index;
      seen(drawn.row);
    }
    *rng_ = rng;
  }

  Rng* rng_;
  std::span<const Ring> rings_;
  std::size_t stored_ = 0;
  std::vector<std::size_t> ends_;  // running totals; empty where all rings are as long
};

}  // namespace sharpwave
