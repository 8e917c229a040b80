#include "sharpwave/sac_step.hpp"

#include <numeric>

namespace sharpwave {
SacStep::SacStep(std::size_t obs, const std::vector<std::size_t>& hidden,
                 const SquashedGaussian& policy, std::size_t critics)
    : actor_(widths_between(obs, hidden, 2 * policy.size())),
      policy_(policy),
      critics_(obs, policy.size(), hidden, critics),
      all_(critics) {
  std::iota(all_.begin(), all_.end(), std::size_t{0});
}

void SacStep::draw(const float* actor, std::span<const float> obs, std::span<const float> noise,
                   std::span<float> log_density) {
  action_.resize(noise.size());
  output_.resize(2 * noise.size());
  actor_.see(obs.data(), log_density.size());
  actor_.forward(actor, output_.data());
  policy_.draw(output_, noise, action_, log_density);
}

float SacStep::step_critics(const ControlTransitions& batch, std::span<const float> noise,
                            float temperature, std::span<const float> actor,
                            std::span<const float> target, Critics::Members members,
                            const AdamStep& critics, std::span<float> td_error) {
  density_.resize(batch.reward.size());
  y_.resize(batch.reward.size());
  draw(actor.data(), batch.next_obs, noise, density_);
  critics_.judge(target.data(), {batch.next_obs, action_}, members, Judged::kLeast, y_);
  for (std::size_t i = 0; i < y_.size(); ++i) {
    y_[i] = batch.reward[i] + batch.discount[i] * (y_[i] - temperature * density_[i]);
  }
  return critics_.step(batch.taken, y_, batch.weight, critics, td_error);
}

float SacStep::step_actor(std::span<const float> obs, std::span<const float> noise,
                          float temperature, std::span<const float> critics, Judged judged,
                          const AdamStep& actor, std::span<float> log_density) {
  const float* const parameters = actor.vectors.values.data();
  const std::size_t batch = log_density.size();
  const float share = 1 / static_cast<float>(batch);
  y_.resize(batch);
  by_action_.resize(noise.size());
  draw(parameters, obs, noise, log_density);
  critics_.judge(critics.data(), {obs, action_}, all_, judged, y_, -share, by_action_);
  policy_.differentiate(output_, noise, action_, share * temperature, by_action_);
  actor_.backward(parameters, output_.data(), actor.vectors.gradient.data());
  adam_step(actor.rule, actor.step, actor.vectors);
  double sum = 0;
  for (std::size_t i = 0; i < batch; ++i) {
    sum += static_cast<double>(temperature * log_density[i] - y_[i]);
  }
  return static_cast<float>(sum / static_cast<double>(batch));
}

}  // namespace sharpwave
