#pragma once
// Linear layers with factorised noise in their weights: the weights under it, and back from their
// gradient.
//
// Fortunato et al. 2018, "Noisy networks for exploration" (arXiv 1706.10295), equations 9 to 11:
// weight + weight_sigma * noise_out noise_in^T and bias + bias_sigma * noise_out. Under noise that
// stays for a whole batch a layer is a plain one, so it is cheaper to make that one's weights once
// than to multiply the batch with both matrices.
//
// Threads: all; nothing changes. Ownership: vectors are the caller's.

#include <cstddef>
#include <vector>

namespace sharpwave {

struct LayerSize {
  std::size_t inputs;
  std::size_t outputs;
};

// Parameters are one vector in torch's order: some that have no noise, then of each noisy layer
// weight (out, in), bias, weight_sigma and bias_sigma. Noise is of each layer noise_in, noise_out.
class NoisyLayers {
 public:
  NoisyLayers(std::size_t without_noise, std::vector<LayerSize> noisy);

  [[nodiscard]] std::size_t parameters() const { return parameters_; }
  [[nodiscard]] std::size_t noises() const { return noises_; }
  // How many parameters the plain layers have: those without noise, of each layer weight and bias.
  [[nodiscard]] std::size_t weights() const { return weights_; }

  // out (weights) = the plain layers' parameters.
  void apply(const float* parameters, const float* noise, float* out) const;
  // gradient (parameters) = the gradient by them, where `by_weights` is that by the plain ones.
  void differentiate(const float* by_weights, const float* noise, float* gradient) const;

 private:
  std::size_t without_noise_;
  std::vector<LayerSize> noisy_;
  std::size_t parameters_;
  std::size_t noises_ = 0;
  std::size_t weights_;
};

}  // namespace sharpwave
