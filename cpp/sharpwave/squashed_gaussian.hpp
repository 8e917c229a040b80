#pragma once
// A Gaussian squashed by tanh, which SAC's actor draws its actions from.
//
// Of B observations the actor's output is (B, 2 * size): means, then logs of standard deviations,
// which are clipped. Arrays are row after row.
//
// Threads: none; the caller's arrays are written.

#include <cstddef>
#include <span>

namespace sharpwave {

class SquashedGaussian {
 public:
  SquashedGaussian(std::size_t size, float least_log_std, float most_log_std)
      : size_(size), least_(least_log_std), most_(most_log_std) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  // action (B, size) = tanh(u), u = mean + std * noise, and log_density (B,) of it (Haarnoja et al.
  // 2018, arXiv 1812.05905, equation 26, with log(1 - tanh²u) = 2 (log 2 - u - softplus(-2u)),
  // which does not vanish where tanh is 1).
  void draw(std::span<const float> output, std::span<const float> noise, std::span<float> action,
            std::span<float> log_density) const;
  // The output becomes the gradient by it of the sum of share * log_density and of what of the
  // action's is by_action. REQUIRES: the action that draw made of output and noise.
  void differentiate(std::span<float> output, std::span<const float> noise,
                     std::span<const float> action, float share,
                     std::span<const float> by_action) const;

 private:
  [[nodiscard]] float clipped(float log_std) const;

  std::size_t size_;
  float least_;
  float most_;
};

}  // namespace sharpwave
