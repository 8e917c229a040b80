#include "sharpwave/dqn_step.hpp"

#include <cmath>
#include <cstddef>
#include <string>

#include "sharpwave/error.hpp"
#include "sharpwave/td.hpp"

namespace sharpwave {
namespace {

struct Slope {
  float loss;
  float slope;
};

// As torch's smooth_l1_loss; NaN is NaN in both.
Slope huber(float error) {
  const float size = std::fabs(error);
  if (size >= 1) return {size - 0.5F, error > 0 ? 1.0F : -1.0F};
  return {0.5F * error * error, error};
}

Slope squared(float error) { return {error * error, 2 * error}; }

}  // namespace

void DqnStep::check(std::span<const std::int64_t> action) const {
  for (const std::int64_t each : action) {
    if (actions_.has(each)) continue;
    throw InvalidValue("action: expected integers from " + std::to_string(actions_.first) + " to " +
                       std::to_string(actions_.at(actions_.count - 1)) + ", got " +
                       std::to_string(each));
  }
}

void DqnStep::target(const DqnTransitions& batch, const float* target, const float* online) {
  mlp_.see(batch.next_obs.data(), y_.size());
  mlp_.forward(target, next_values_.data());
  const float* chooser = next_values_.data();
  if (loss_.is_double) {
    mlp_.forward(online, next_choice_.data());
    chooser = next_choice_.data();
  }
  td::double_target(batch.reward, batch.discount, {chooser, y_.size(), actions_.count},
                    next_values_.data(), y_);
}

float DqnStep::differentiate(const DqnTransitions& batch, std::span<float> td_error) {
  const auto share = 1 / static_cast<float>(y_.size());
  double sum = 0;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    float* const row = values_.data() + i * actions_.count;
    float& taken = row[actions_.place(batch.action[i])];
    const float error = taken - y_[i];
    td_error[i] = std::fabs(error);
    const Slope at = loss_.is_huber ? huber(error) : squared(error);
    const float weight = batch.weight.empty() ? 1 : batch.weight[i];
    sum += static_cast<double>(weight * at.loss);
    for (std::size_t a = 0; a < actions_.count; ++a) row[a] = 0;
    taken = share * weight * at.slope;
  }
  return static_cast<float>(sum / static_cast<double>(y_.size()));
}

float DqnStep::step(const DqnTransitions& batch, std::span<const float> target,
                    const AdamVectors& online, const AdamRule& rule, double step,
                    std::span<float> td_error) {
  check(batch.action);
  const std::size_t size = batch.action.size();
  for (auto* const values : {&values_, &next_values_, &next_choice_}) {
    values->resize(size * actions_.count);
  }
  y_.resize(size);
  this->target(batch, target.data(), online.values.data());
  mlp_.see(batch.obs.data(), size);
  mlp_.forward(online.values.data(), values_.data());
  const float loss = differentiate(batch, td_error);
  mlp_.backward(online.values.data(), values_.data(), online.gradient.data());
  adam_step(rule, step, online);
  return loss;
}

}  // namespace sharpwave
