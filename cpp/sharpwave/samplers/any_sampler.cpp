#include "sharpwave/samplers/any_sampler.hpp"

namespace sharpwave {

AnySampler make_sampler(const SamplerOptions& options, std::size_t environments,
                        std::size_t ring_capacity) {
  using Kind = SamplerOptions::Kind;
  if (options.kind == Kind::kWithoutReplacement) {
    return WithoutReplacement(environments * ring_capacity);
  }
  if (options.kind == Kind::kPrioritized) {
    return Prioritized(environments, ring_capacity, options.prioritized);
  }
  if (options.kind == Kind::kRankPrioritized) {
    return RankPrioritized(environments, ring_capacity, options.rank_prioritized);
  }
  if (options.kind == Kind::kRecency) {
    return Recency({options.eta, options.min_rows, options.updates, 0});
  }
  return UniformChoice{};
}

}  // namespace sharpwave
