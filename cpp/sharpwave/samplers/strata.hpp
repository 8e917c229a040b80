#pragma once
// Strata: the draws of one batch from a sum tree, one in each of as many equal parts of the sum of
// all, a part of the batch at a time.
//
// The lines of leaves of one part are on their way while the leaves of the part before are found,
// and the rows drawn there while whoever draws copies others.
//
// Threads: none; the owner locks. Ownership: refers to the tree and to the owner's scratch.
// Invariants: the places drawn do not depend on the parts that they are drawn in.
// Cost: docs/decisions/0008.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/sum_tree.hpp"

namespace sharpwave {

class Strata {
 public:
  // Where they go: a place and its leaf each.
  struct Out {
    std::span<std::uint64_t> places;
    std::span<float> values;
  };

  // `mass` is scratch. REQUIRES: the tree has mass and does not change; as many places as values.
  Strata(const SumTree& tree, const Out& out, std::vector<double>& mass)
      : tree_(tree), out_(out), width_(tree.total() / static_cast<double>(out.places.size())) {
    mass.resize(out.places.size());
    mass_ = mass;
  }

  // Draws the next ones up to `end`, and calls seen(place) as soon as each is known.
  template <typename Seen>
  void draw_until(std::size_t end, Rng& rng, Seen seen) {
    end = std::min(end, mass_.size());
    while (found_ < end) {
      const std::size_t count = std::min(kPart, end - found_);
      descend_until(std::min(found_ + count + kPart, mass_.size()), rng);
      const auto places = out_.places.subspan(found_, count);
      tree_.find_leaves(mass_.subspan(found_, count), places, out_.values.subspan(found_, count));
      for (const std::uint64_t place : places) seen(place);
      found_ += count;
    }
  }

 private:
  static constexpr std::size_t kPart = 32;  // lines are asked for so many draws ahead

  void descend_until(std::size_t end, Rng& rng);

  const SumTree& tree_;
  Out out_;
  double width_;
  std::span<double> mass_;  // of a draw that is not found yet, within its line
  std::size_t descended_ = 0;
  std::size_t found_ = 0;
};

}  // namespace sharpwave
