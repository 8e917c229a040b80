#include "sharpwave/samplers/any_sampler.hpp"

namespace sharpwave {

AnySampler make_sampler(const SamplerOptions& options, std::size_t places) {
  (void)options;
  (void)places;
  return UniformChoice{};
}

}  // namespace sharpwave
