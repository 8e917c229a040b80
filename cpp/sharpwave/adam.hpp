#pragma once
// One step of Adam over one vector of parameters, behind the clipping of their gradient.
//
// Threads: none; the caller's vectors are written. NaN in the gradient is NaN in every value when
// there is a bound on its length, as in torch.

#include <optional>
#include <span>

namespace sharpwave {

struct AdamRule {
  double learning_rate;
  double beta1;
  double beta2;
  double eps;
  std::optional<float> max_norm;  // a longer gradient is scaled down to this length
};

// Spans of one length.
struct AdamVectors {
  std::span<float> values;
  std::span<float> gradient;
  std::span<float> exp_avg;
  std::span<float> exp_avg_sq;
};

// Kingma & Ba 2015, "Adam" (arXiv 1412.6980), Algorithm 1, rounded as torch.optim.Adam's fused
// kernel does: bias corrections in double, the rest in float. `step` counts from 1. The gradient is
// left as it was taken: clipped.
void adam_step(const AdamRule& rule, double step, const AdamVectors& vectors);

// All that a step takes, for those who take several.
struct AdamStep {
  AdamRule rule;
  double step;
  AdamVectors vectors;
};

}  // namespace sharpwave
