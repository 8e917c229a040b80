#include "sharpwave/dqn_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

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

QShape shape_of(const DqnNetwork& network, const DqnLoss& loss) {
  return {network.widths, loss.categorical ? loss.categorical->atoms() : 1, network.is_dueling};
}

}  // namespace

DqnStep::DqnStep(const DqnNetwork& network, std::int64_t first_action, DqnLoss loss)
    : loss_(std::move(loss)),
      network_(shape_of(network, loss_)),
      actions_{first_action, network_.actions()} {
  if (network.is_noisy) noisy_ = noisy_layers(shape_of(network, loss_));
}

void DqnStep::check(std::span<const std::int64_t> action) const {
  for (const std::int64_t each : action) {
    if (actions_.has(each)) continue;
    throw InvalidValue("action: expected integers from " + std::to_string(actions_.first) + " to " +
                       std::to_string(actions_.at(actions_.count - 1)) + ", got " +
                       std::to_string(each));
  }
}

void DqnStep::make_room(std::size_t batch) {
  for (auto* const values : {&values_, &next_values_, &next_choice_}) {
    values->resize(batch * network_.outputs());
  }
  y_.resize(batch * (network_.outputs() / actions_.count));
  if (!noisy_) return;
  for (auto* const weights : {&online_weights_, &target_weights_, &by_weights_}) {
    weights->resize(noisy_->weights());
  }
}

const float* DqnStep::plain(const float* parameters, std::span<const float> noise,
                            std::vector<float>& room) const {
  if (!noisy_) return parameters;
  noisy_->apply(parameters, noise.data(), room.data());
  return room.data();
}

void DqnStep::target(const DqnTransitions& batch, const float* target, const float* online) {
  network_.see(batch.next_obs.data(), batch.action.size());
  network_.forward(target, next_values_.data());
  const float* chooser = next_values_.data();
  if (loss_.is_double) {
    network_.forward(online, next_choice_.data());
    chooser = next_choice_.data();
  }
  if (loss_.categorical) return categorical_target(*loss_.categorical, batch, chooser);
  td::double_target(batch.reward, batch.discount, {chooser, y_.size(), actions_.count},
                    next_values_.data(), y_);
}

void DqnStep::categorical_target(Categorical& categorical, const DqnTransitions& batch,
                                 const float* chooser) {
  const std::size_t atoms = categorical.atoms();
  for (std::size_t i = 0; i < batch.action.size(); ++i) {
    const std::size_t row = i * network_.outputs();
    const float* const logits =
        next_values_.data() + row + best(categorical, chooser + row) * atoms;
    categorical.target(batch.reward[i], batch.discount[i], logits, y_.data() + i * atoms);
  }
}

// NaN is larger than everything, as in torch.
std::size_t DqnStep::best(Categorical& categorical, const float* row) const {
  std::size_t best = 0;
  float most = categorical.value(row);
  for (std::size_t a = 1; a < actions_.count; ++a) {
    const float value = categorical.value(row + a * categorical.atoms());
    const bool is_more = value > most || (std::isnan(value) && !std::isnan(most));
    if (!is_more) continue;
    best = a;
    most = value;
  }
  return best;
}

DqnStep::Judged DqnStep::judge(float* taken, std::size_t row, float share) {
  if (loss_.categorical) {
    const float* const y = y_.data() + row * loss_.categorical->atoms();
    const auto [loss, divergence] = loss_.categorical->differentiate(y, share, taken);
    return {loss, divergence};
  }
  const float error = *taken - y_[row];
  const auto [loss, slope] = loss_.is_huber ? huber(error) : squared(error);
  *taken = share * slope;
  return {loss, std::fabs(error)};
}

float DqnStep::differentiate(const DqnTransitions& batch, std::span<float> td_error) {
  const std::size_t size = batch.action.size();
  const auto share = 1 / static_cast<float>(size);
  const std::size_t outputs = network_.outputs();
  const std::size_t numbers = outputs / actions_.count;
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    float* const row = values_.data() + i * outputs;
    float* const taken = row + actions_.place(batch.action[i]) * numbers;
    const float weight = batch.weight.empty() ? 1 : batch.weight[i];
    const Judged judged = judge(taken, i, share * weight);
    td_error[i] = judged.td_error;
    sum += static_cast<double>(weight * judged.loss);
    std::fill(row, taken, 0.0F);
    std::fill(taken + numbers, row + outputs, 0.0F);
  }
  return static_cast<float>(sum / static_cast<double>(size));
}

void DqnStep::backward(const float* weights, std::span<const float> noise, float* gradient) {
  if (!noisy_) return network_.backward(weights, values_.data(), gradient);
  network_.backward(weights, values_.data(), by_weights_.data());
  noisy_->differentiate(by_weights_.data(), noise.data(), gradient);
}

float DqnStep::step(const DqnTransitions& batch, std::span<const float> target,
                    const DqnNoise& noise, const AdamVectors& online, const AdamRule& rule,
                    double step, std::span<float> td_error) {
  check(batch.action);
  make_room(batch.action.size());
  const float* const frozen = plain(target.data(), noise.target, target_weights_);
  const float* const weights = plain(online.values.data(), noise.online, online_weights_);
  this->target(batch, frozen, weights);
  network_.see(batch.obs.data(), batch.action.size());
  network_.forward(weights, values_.data());
  const float loss = differentiate(batch, td_error);
  backward(weights, noise.online, online.gradient.data());
  adam_step(rule, step, online);
  return loss;
}

}  // namespace sharpwave
