#pragma once
// The gradient steps of soft actor-critic with small multilayer perceptrons, one call each.
//
// Threads: none; the owner locks. Ownership: scratch memory; parameters and batch are the caller's.

#include <cstddef>
#include <span>
#include <vector>

#include "sharpwave/adam.hpp"
#include "sharpwave/critics.hpp"
#include "sharpwave/mlp.hpp"
#include "sharpwave/squashed_gaussian.hpp"

namespace sharpwave {

class SacStep {
 public:
  // THROWS InvalidValue as Critics.
  SacStep(std::size_t obs, const std::vector<std::size_t>& hidden, const SquashedGaussian& policy,
          std::size_t critics);

  [[nodiscard]] const Critics& critics() const { return critics_; }
  [[nodiscard]] const Mlp& actor() const { return actor_; }

  // y = reward + discount * (the least of some members of Q_target(next_obs, a) - temperature *
  // log π(a)), a drawn with `noise` (B, actions); then Critics::step (Haarnoja et al. 2018, arXiv
  // 1812.05905, equation 5; Chen et al. 2021, arXiv 2101.05982, Algorithm 1).
  // REQUIRES: spans that fit each other and the networks.
  float step_critics(const ControlTransitions& batch, std::span<const float> noise,
                     float temperature, std::span<const float> actor, std::span<const float> target,
                     Critics::Members members, const AdamStep& critics, std::span<float> td_error);
  // One step of Adam down the gradient of the mean of temperature * log π(a) - Q(obs, a), Q as all
  // critics are judged (equation 7). Returns that mean before the step, and log π(a), (B,).
  float step_actor(std::span<const float> obs, std::span<const float> noise, float temperature,
                   std::span<const float> critics, Judged judged, const AdamStep& actor,
                   std::span<float> log_density);

 private:
  // Output and action of the policy in `obs`, and their log density.
  void draw(const float* actor, std::span<const float> obs, std::span<const float> noise,
            std::span<float> log_density);

  Mlp actor_;
  SquashedGaussian policy_;
  Critics critics_;
  std::vector<std::size_t> all_;
  std::vector<float> output_;     // (B, 2 * actions)
  std::vector<float> action_;     // (B, actions)
  std::vector<float> by_action_;  // likewise
  std::vector<float> density_;    // (B,)
  std::vector<float> y_;          // likewise
};

}  // namespace sharpwave
