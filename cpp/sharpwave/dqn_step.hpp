#pragma once
// A gradient step of DQN with a small network, in one call.
//
// Threads: none; the owner locks. Ownership: scratch memory; parameters and batch are the caller's.
// Invariants: (1) a call that throws has changed nothing of the caller's.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sharpwave/adam.hpp"
#include "sharpwave/categorical.hpp"
#include "sharpwave/noisy_layer.hpp"
#include "sharpwave/q_network.hpp"
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
  std::optional<Categorical> categorical;  // or this distribution's
};

struct DqnNetwork {
  std::vector<std::size_t> widths;  // of the observation, of each hidden layer; how many actions
  bool is_dueling;
  bool is_noisy;
};

// Of the noisy layers of both networks; empty where there are none.
struct DqnNoise {
  std::span<const float> online;
  std::span<const float> target;
};

class DqnStep {
 public:
  // Actions are named from `first_action` on. THROWS InvalidValue as QNetwork.
  DqnStep(const DqnNetwork& network, std::int64_t first_action, DqnLoss loss);

  [[nodiscard]] std::size_t inputs() const { return network_.inputs(); }
  [[nodiscard]] std::size_t parameters() const {
    return noisy_ ? noisy_->parameters() : network_.parameters();
  }
  [[nodiscard]] std::size_t noises() const { return noisy_ ? noisy_->noises() : 0; }

  // y = reward + discount * Q_target(next_obs, argmax_a Q(next_obs, a)); one step of Adam down the
  // gradient of the mean of weight * loss(Q(obs, action) - y). td_error = |y - Q(obs, action)|, or
  // the divergence of distributions. Returns the loss before the step (Mnih et al. 2015,
  // Algorithm 1; van Hasselt, Guez & Silver 2016, equation 4; Bellemare, Dabney & Munos 2017).
  // REQUIRES: spans that fit each other and the network.
  // THROWS InvalidValue for an action that there is not.
  float step(const DqnTransitions& batch, std::span<const float> target, const DqnNoise& noise,
             const AdamVectors& online, const AdamRule& rule, double step,
             std::span<float> td_error);

 private:
  // What a transition's loss is, and by how much it surprised.
  struct Judged {
    float loss;
    float td_error;
  };

  void check(std::span<const std::int64_t> action) const;
  void make_room(std::size_t batch);
  // The parameters of plain layers: those given, or under noise, which are kept in `room`.
  const float* plain(const float* parameters, std::span<const float> noise,
                     std::vector<float>& room) const;
  // y_
  void target(const DqnTransitions& batch, const float* target, const float* online);
  void categorical_target(Categorical& categorical, const DqnTransitions& batch,
                          const float* chooser);
  [[nodiscard]] std::size_t best(Categorical& categorical, const float* row) const;
  // The loss; values_ become its gradient by them.
  float differentiate(const DqnTransitions& batch, std::span<float> td_error);
  // `taken` becomes its gradient, times `share`; these are the numbers of the action taken.
  Judged judge(float* taken, std::size_t row, float share);
  void backward(const float* weights, std::span<const float> noise, float* gradient);

  DqnLoss loss_;
  QNetwork network_;
  std::optional<NoisyLayers> noisy_;
  Numbering actions_;
  std::vector<float> values_;  // (B, A, K), and so are the next two
  std::vector<float> next_values_;
  std::vector<float> next_choice_;
  std::vector<float> y_;                                             // (B, K)
  std::vector<float> online_weights_, target_weights_, by_weights_;  // of noisy layers, made plain
};

}  // namespace sharpwave
