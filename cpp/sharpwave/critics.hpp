#pragma once
// An ensemble of critics, small multilayer perceptrons: their values, their step, and what they say
// of an action.
//
// Parameters are one vector: of each layer the weights (number, in, out), then the biases
// (number, out).
//
// Threads: none; the owner locks. Ownership: scratch memory; all else is the caller's.
// Cost: no allocation while batches do not grow.

#include <cstddef>
#include <span>
#include <vector>

#include "sharpwave/adam.hpp"
#include "sharpwave/mlp.hpp"

namespace sharpwave {

// Observations (B, n) and what was done in them, (B, actions).
struct ObsAction {
  std::span<const float> obs;
  std::span<const float> action;
};

// A batch of B to learn values from; actions lie in [-1, 1].
struct ControlTransitions {
  ObsAction taken;
  std::span<const float> reward;
  std::span<const float> next_obs;
  std::span<const float> discount;  // of the next value: 0 where the episode terminated
  std::span<const float> weight;    // of each loss, or empty
};

// How one value is made of several critics'.
enum class Judged { kLeast, kMean };

class Critics {
 public:
  using Members = std::span<const std::size_t>;

  // `hidden` widths between obs and action, and the value. THROWS InvalidValue as Mlp, and for no
  // critics.
  Critics(std::size_t obs, std::size_t actions, const std::vector<std::size_t>& hidden,
          std::size_t number);

  [[nodiscard]] std::size_t number() const { return mlps_.size(); }
  [[nodiscard]] std::size_t actions() const { return actions_; }
  [[nodiscard]] std::size_t parameters() const { return mlps_.front().parameters(); }

  // out (B,) = what some members make of it. NaN is less than everything, as in torch.
  void judge(const float* parameters, const ObsAction& of, Members members, Judged judged,
             std::span<float> out);
  // Likewise; by_action (B, actions) becomes the gradient of the sum of share * out by the actions.
  // Where several members are the least they share it.
  void judge(const float* parameters, const ObsAction& of, Members members, Judged judged,
             std::span<float> out, float share, std::span<float> by_action);
  // One step of Adam down the gradient of the sum, over the critics, of the mean of
  // weight * (Q - y)^2. td_error = the mean, over the critics, of |Q - y|. Returns the loss before
  // the step. `weight` may be empty.
  float step(const ObsAction& of, std::span<const float> y, std::span<const float> weight,
             const AdamStep& adam, std::span<float> td_error);

 private:
  // values_ (members, B)
  void forward(const float* parameters, const ObsAction& of, Members members);
  [[nodiscard]] float* values_of(std::size_t i, std::size_t batch) {
    return values_.data() + i * batch;
  }

  std::vector<Mlp> mlps_;
  std::size_t actions_;
  std::vector<float> values_;
  std::vector<float> by_one_;  // (B, actions)
};

}  // namespace sharpwave
