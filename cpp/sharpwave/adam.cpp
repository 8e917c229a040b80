#include "sharpwave/adam.hpp"

#include <array>
#include <cmath>
#include <cstddef>

namespace sharpwave {
namespace {

float norm_of(std::span<const float> gradient) {
  std::array<double, 8> sums{};  // side by side, for vectors
  std::size_t i = 0;
  for (; i + sums.size() <= gradient.size(); i += sums.size()) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
      sums[k] += static_cast<double>(gradient[i + k]) * static_cast<double>(gradient[i + k]);
    }
  }
  for (; i < gradient.size(); ++i) {
    sums[0] += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
  }
  double sum = 0;
  for (const double each : sums) sum += each;
  return static_cast<float>(std::sqrt(sum));
}

// As torch.nn.utils.clip_grad_norm_ has it; NaN stays NaN.
float scale_of(std::span<const float> gradient, std::optional<float> max_norm) {
  if (!max_norm) return 1;
  const float scale = *max_norm / (norm_of(gradient) + 1e-6F);
  return scale > 1 ? 1 : scale;
}

}  // namespace

void adam_step(const AdamRule& rule, double step, const AdamVectors& vectors) {
  const float scale = scale_of(vectors.gradient, rule.max_norm);
  const auto step_size = static_cast<float>(rule.learning_rate / (1 - std::pow(rule.beta1, step)));
  const auto root = static_cast<float>(std::sqrt(1 - std::pow(rule.beta2, step)));
  const auto beta2 = static_cast<float>(rule.beta2);
  const auto first = static_cast<float>(1 - rule.beta1);
  const auto second = static_cast<float>(1 - rule.beta2);
  const auto eps = static_cast<float>(rule.eps);
  float* const value = vectors.values.data();
  float* const gradient = vectors.gradient.data();
  float* const m = vectors.exp_avg.data();
  float* const v = vectors.exp_avg_sq.data();
  const std::size_t count = vectors.values.size();
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i] * scale;
    gradient[i] = g;
    m[i] = m[i] + first * (g - m[i]);
    v[i] = v[i] * beta2 + second * g * g;
    value[i] = value[i] - step_size * m[i] / (std::sqrt(v[i]) / root + eps);
  }
}

}  // namespace sharpwave
