#include "sharpwave/td3_step.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sharpwave {

Td3Step::Td3Step(std::size_t obs, std::size_t actions, const std::vector<std::size_t>& hidden,
                 std::size_t critics, TargetNoise noise)
    : actor_(widths_between(obs, hidden, actions)),
      critics_(obs, actions, hidden, critics),
      noise_(noise),
      all_(critics) {
  std::iota(all_.begin(), all_.end(), std::size_t{0});
}

void Td3Step::act(const float* actor, std::span<const float> obs, std::size_t batch) {
  action_.resize(batch * critics_.actions());
  actor_.see(obs.data(), batch);
  actor_.forward(actor, action_.data());
  for (float& each : action_) each = std::tanh(each);
}

// NaN stays NaN where it is cut, as in torch.
float Td3Step::step_critics(const ControlTransitions& batch, std::span<const float> noise,
                            std::span<const float> actor_target,
                            std::span<const float> critics_target, const AdamStep& critics,
                            std::span<float> td_error) {
  y_.resize(batch.reward.size());
  act(actor_target.data(), batch.next_obs, y_.size());
  for (std::size_t i = 0; i < action_.size(); ++i) {
    const float added = std::clamp(noise[i] * noise_.scale, -noise_.most, noise_.most);
    action_[i] = std::clamp(action_[i] + added, -1.0F, 1.0F);
  }
  const ObsAction next{batch.next_obs, action_};
  critics_.judge(critics_target.data(), next, all_, Judged::kLeast, y_);
  for (std::size_t i = 0; i < y_.size(); ++i) {
    y_[i] = batch.reward[i] + batch.discount[i] * y_[i];
  }
  return critics_.step(batch.taken, y_, batch.weight, critics, td_error);
}

float Td3Step::step_actor(std::span<const float> obs, std::span<const float> critics,
                          const AdamStep& actor) {
  const float* const parameters = actor.vectors.values.data();
  const std::size_t batch = obs.size() / actor_.inputs();
  const auto size = static_cast<float>(batch);
  act(parameters, obs, batch);
  y_.resize(batch);
  by_action_.resize(action_.size());
  const Critics::Members first = Critics::Members(all_).first(1);
  critics_.judge(critics.data(), {obs, action_}, first, Judged::kLeast, y_, -1 / size, by_action_);
  for (std::size_t i = 0; i < action_.size(); ++i) {
    by_action_[i] *= 1 - action_[i] * action_[i];
  }
  actor_.backward(parameters, by_action_.data(), actor.vectors.gradient.data());
  adam_step(actor.rule, actor.step, actor.vectors);
  double sum = 0;
  for (const float value : y_) sum += static_cast<double>(value);
  return static_cast<float>(-sum / static_cast<double>(batch));
}

}  // namespace sharpwave
