#pragma once
// A gradient step of DQN with a small multilayer perceptron, in one call.
//
// Threads: none; the owner locks. Ownership: scratch memory; parameters and batch are the caller's.
// Invariants: (1) a call that throws has changed nothing of the caller's.

#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/adam.hpp"
#include "sharpwave/mlp.hpp"
#include "sharpwave/q_table.hpp"

namespace sharpwave {

// A batch of B; obs and next_obs are (B, inputs).
struct DqnTransitions {
  std::span<const float> obs;
  std::span<const std::int64_t> action;
  std::span<const float> reward;
  std::span<const float> next_obs;
  std::span<const float> discount;  // of the next value: 0 where the episode terminated
  std::span<const float> weight;    // of each loss, or empty
};

struct DqnLoss {
  bool is_double;  // the online network chooses the next action, the target network values it
  bool is_huber;   // or the squared error
};

class DqnStep {
 public:
  // Actions are named from `first_action` on. THROWS InvalidValue as Mlp.
  DqnStep(const std::vector<std::size_t>& widths, std::int64_t first_action, DqnLoss loss)
      : mlp_(widths), actions_{first_action, mlp_.outputs()}, loss_(loss) {}

  [[nodiscard]] std::size_t inputs() const { return mlp_.inputs(); }
  [[nodiscard]] std::size_t parameters() const { return mlp_.parameters(); }

  // y = reward + discount * Q_target(next_obs, argmax_a Q(next_obs, a)); one step of Adam down the
  // gradient of the mean of weight * loss(Q(obs, action) - y). td_error = |y - Q(obs, action)|.
  // Returns the loss before the step (Mnih et al. 2015, Algorithm 1; van Hasselt, Guez & Silver
  // 2016, equation 4). REQUIRES: spans that fit each other and the network.
  // THROWS InvalidValue for an action that there is not.
  float step(const DqnTransitions& batch, std::span<const float> target, const AdamVectors& online,
             const AdamRule& rule, double step, std::span<float> td_error);

 private:
  void check(std::span<const std::int64_t> action) const;
  // y (B,)
  void target(const DqnTransitions& batch, const float* target, const float* online);
  // The loss; values become its gradient by them.
  float differentiate(const DqnTransitions& batch, std::span<float> td_error);

  Mlp mlp_;
  Numbering actions_;
  DqnLoss loss_;
  std::vector<float> values_;  // (B, A), and so are the other two
  std::vector<float> next_values_;
  std::vector<float> next_choice_;
  std::vector<float> y_;
};

}  // namespace sharpwave
