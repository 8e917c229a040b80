#pragma once
// The gradient steps of TD3 and DDPG with small multilayer perceptrons, one call each.
//
// Threads: none; the owner locks. Ownership: scratch memory; parameters and batch are the caller's.

#include <cstddef>
#include <span>
#include <vector>

#include "sharpwave/adam.hpp"
#include "sharpwave/critics.hpp"
#include "sharpwave/mlp.hpp"

namespace sharpwave {

// What is added to a target's next actions: noise * scale, cut to [-most, most].
struct TargetNoise {
  float scale;
  float most;
};

class Td3Step {
 public:
  // THROWS InvalidValue as Critics.
  Td3Step(std::size_t obs, std::size_t actions, const std::vector<std::size_t>& hidden,
          std::size_t critics, TargetNoise noise);

  [[nodiscard]] const Critics& critics() const { return critics_; }
  [[nodiscard]] const Mlp& actor() const { return actor_; }

  // y = reward + discount * the least of Q_target(next_obs, a), a = tanh of the target actor plus
  // noise, within [-1, 1]; then Critics::step (Fujimoto et al. 2018, arXiv 1802.09477,
  // Algorithm 1). REQUIRES: spans that fit each other and the networks.
  float step_critics(const ControlTransitions& batch, std::span<const float> noise,
                     std::span<const float> actor_target, std::span<const float> critics_target,
                     const AdamStep& critics, std::span<float> td_error);
  // One step of Adam up the gradient of the mean of the first critic's values of the actor's
  // actions. Returns minus that mean before the step.
  float step_actor(std::span<const float> obs, std::span<const float> critics,
                   const AdamStep& actor);

 private:
  // action_ = tanh of the actor's output for `obs`, of B.
  void act(const float* actor, std::span<const float> obs, std::size_t batch);

  Mlp actor_;
  Critics critics_;
  TargetNoise noise_;
  std::vector<std::size_t> all_;
  std::vector<float> action_;     // (B, actions)
  std::vector<float> by_action_;  // likewise
  std::vector<float> y_;          // (B,)
};

}  // namespace sharpwave
