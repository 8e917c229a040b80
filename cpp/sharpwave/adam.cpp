#include "sharpwave/adam.hpp"

#include <array>
#include <cmath>
#include <cstddef>

#include "sharpwave/kernels/cpu.hpp"

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
  const double first_bias = 1 - std::pow(rule.beta1, step);
  const double second_bias = 1 - std::pow(rule.beta2, step);
  kernels().adam({.scale = scale_of(vectors.gradient, rule.max_norm),
                  .step_size = static_cast<float>(rule.learning_rate / first_bias),
                  .root = static_cast<float>(std::sqrt(second_bias)),
                  .first = static_cast<float>(1 - rule.beta1),
                  .beta2 = static_cast<float>(rule.beta2),
                  .second = static_cast<float>(1 - rule.beta2),
                  .eps = static_cast<float>(rule.eps),
                  .count = vectors.values.size(),
                  .value = vectors.values.data(),
                  .gradient = vectors.gradient.data(),
                  .m = vectors.exp_avg.data(),
                  .v = vectors.exp_avg_sq.data()});
}

}  // namespace sharpwave
