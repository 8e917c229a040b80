#include "sharpwave/noisy_layer.hpp"

#include <algorithm>
#include <utility>

namespace sharpwave {
namespace {

std::size_t size_of(LayerSize layer) { return (layer.inputs + 1) * layer.outputs; }

// out = mean + sigma * noise_out noise_in^T, of weights and of biases
void apply_to(LayerSize layer, const float* mean, const float* noise, float* out) {
  const float* const sigma = mean + size_of(layer);
  const float* const noise_out = noise + layer.inputs;
  const std::size_t biases = layer.inputs * layer.outputs;
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    const std::size_t row = o * layer.inputs;
    for (std::size_t i = row; i < row + layer.inputs; ++i) {
      out[i] = mean[i] + sigma[i] * noise[i - row] * noise_out[o];
    }
    out[biases + o] = mean[biases + o] + sigma[biases + o] * noise_out[o];
  }
}

void differentiate_by(LayerSize layer, const float* by_weights, const float* noise,
                      float* by_mean) {
  float* const by_sigma = std::copy_n(by_weights, size_of(layer), by_mean);
  const float* const noise_out = noise + layer.inputs;
  const std::size_t biases = layer.inputs * layer.outputs;
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    const std::size_t row = o * layer.inputs;
    for (std::size_t i = row; i < row + layer.inputs; ++i) {
      by_sigma[i] = by_weights[i] * noise[i - row] * noise_out[o];
    }
    by_sigma[biases + o] = by_weights[biases + o] * noise_out[o];
  }
}

}  // namespace

NoisyLayers::NoisyLayers(std::size_t without_noise, std::vector<LayerSize> noisy)
    : without_noise_(without_noise),
      noisy_(std::move(noisy)),
      parameters_(without_noise),
      weights_(without_noise) {
  for (const LayerSize layer : noisy_) {
    parameters_ += 2 * size_of(layer);
    weights_ += size_of(layer);
    noises_ += layer.inputs + layer.outputs;
  }
}

void NoisyLayers::apply(const float* parameters, const float* noise, float* out) const {
  out = std::copy_n(parameters, without_noise_, out);
  parameters += without_noise_;
  for (const LayerSize layer : noisy_) {
    apply_to(layer, parameters, noise, out);
    parameters += 2 * size_of(layer);
    noise += layer.inputs + layer.outputs;
    out += size_of(layer);
  }
}

void NoisyLayers::differentiate(const float* by_weights, const float* noise,
                                float* gradient) const {
  gradient = std::copy_n(by_weights, without_noise_, gradient);
  by_weights += without_noise_;
  for (const LayerSize layer : noisy_) {
    differentiate_by(layer, by_weights, noise, gradient);
    by_weights += size_of(layer);
    noise += layer.inputs + layer.outputs;
    gradient += 2 * size_of(layer);
  }
}

}  // namespace sharpwave
