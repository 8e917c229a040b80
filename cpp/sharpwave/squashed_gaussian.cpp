#include "sharpwave/squashed_gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sharpwave {
namespace {

// log(1 - tanh²u)
float log_slope_of_tanh(float u) {
  const float softplus = std::max(-2 * u, 0.0F) + std::log1p(std::exp(-2 * std::fabs(u)));
  return 2 * (std::numbers::ln2_v<float> - u - softplus);
}

}  // namespace

// NaN stays NaN, as in torch.
float SquashedGaussian::clipped(float log_std) const { return std::clamp(log_std, least_, most_); }

void SquashedGaussian::draw(std::span<const float> output, std::span<const float> noise,
                            std::span<float> action, std::span<float> log_density) const {
  const float half_log_two_pi = 0.5F * std::log(2 * std::numbers::pi_v<float>);
  for (std::size_t b = 0; b < log_density.size(); ++b) {
    const float* const mean = output.data() + 2 * b * size_;
    const float* const log_std = mean + size_;
    float sum = 0;
    for (std::size_t j = 0; j < size_; ++j) {
      const float n = noise[b * size_ + j];
      const float log_width = clipped(log_std[j]);
      const float u = mean[j] + std::exp(log_width) * n;
      action[b * size_ + j] = std::tanh(u);
      sum += -0.5F * n * n - log_width - half_log_two_pi - log_slope_of_tanh(u);
    }
    log_density[b] = sum;
  }
}

// d tanh = 1 - tanh², and d log(1 - tanh²) = -2 tanh.
void SquashedGaussian::differentiate(std::span<float> output, std::span<const float> noise,
                                     std::span<const float> action, float share,
                                     std::span<const float> by_action) const {
  for (std::size_t i = 0; i < action.size(); ++i) {
    float& mean = output[i / size_ * 2 * size_ + i % size_];
    float& log_std = (&mean)[size_];
    const float a = action[i];
    const float by_u = share * 2 * a + by_action[i] * (1 - a * a);
    const float by_log_std = by_u * std::exp(clipped(log_std)) * noise[i] - share;
    mean = by_u;
    log_std = log_std >= least_ && log_std <= most_ ? by_log_std : 0;
  }
}

}  // namespace sharpwave
