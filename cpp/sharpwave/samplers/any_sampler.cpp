#include "sharpwave/samplers/any_sampler.hpp"

namespace sharpwave {

AnySampler make_sampler(const SamplerOptions& options, std::size_t places) {
  using Kind = SamplerOptions::Kind;
  if (options.kind == Kind::kWithoutReplacement) return WithoutReplacement(places);
  if (options.kind == Kind::kRecency) {
    return Recency({options.eta, options.min_rows, options.updates, 0});
  }
  return UniformChoice{};
}

}  // namespace sharpwave
