#include "sharpwave/q_network.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "sharpwave/error.hpp"
#include "sharpwave/noisy_layer.hpp"
#include "sharpwave/rng.hpp"

using sharpwave::InvalidValue;
using sharpwave::LayerSize;
using sharpwave::noisy_layers;
using sharpwave::NoisyLayers;
using sharpwave::QNetwork;
using sharpwave::QShape;
using sharpwave::Rng;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

namespace {

Floats numbers(Rng& rng, std::size_t count) {
  Floats values(count);
  for (float& value : values) value = static_cast<float>(rng.next() >> 40) * 0x1p-24F - 0.5F;
  return values;
}

std::vector<QShape> shapes() {
  std::vector<QShape> all;
  for (const bool is_dueling : {false, true}) {
    for (const std::size_t atoms : {1U, 5U}) {
      for (const auto& widths : std::vector<std::vector<std::size_t>>{
               {3, 2}, {3, 7, 4}, {4, 17, 9, 2}, {5, 6, 33, 8, 3}, {2, 4, 1}}) {
        all.push_back({widths, atoms, is_dueling});
      }
    }
  }
  return all;
}

// The definition, in double: y = W x + b, of which `parameters` are taken on the way.
Doubles layer(const Doubles& x, std::size_t outputs, bool is_relu, const double*& parameters) {
  Doubles y;
  const double* const bias = parameters + x.size() * outputs;
  for (std::size_t o = 0; o < outputs; ++o) {
    double sum = bias[o];
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * parameters[o * x.size() + i];
    y.push_back(is_relu && sum <= 0 ? 0 : sum);
  }
  parameters = bias + outputs;
  return y;
}

// What follows the torso, of which all hidden layers but the last are.
Doubles stream(Doubles x, const QShape& shape, std::size_t outputs, const double*& parameters) {
  const auto& widths = shape.widths;
  if (widths.size() > 2) x = layer(x, widths[widths.size() - 2], true, parameters);
  return layer(x, outputs, false, parameters);
}

Doubles plain_forward(const QShape& shape, const Doubles& parameters, Doubles x) {
  const std::size_t actions = shape.widths.back();
  const double* at = parameters.data();
  for (std::size_t l = 1; l + 2 < shape.widths.size(); ++l) {
    x = layer(x, shape.widths[l], true, at);
  }
  Doubles q = stream(x, shape, actions * shape.atoms, at);
  if (!shape.is_dueling) return q;
  const Doubles value = stream(x, shape, shape.atoms, at);
  for (std::size_t k = 0; k < shape.atoms; ++k) {
    double mean = 0;
    for (std::size_t a = 0; a < actions; ++a) mean += q[a * shape.atoms + k];
    mean /= static_cast<double>(actions);
    for (std::size_t a = 0; a < actions; ++a) q[a * shape.atoms + k] += value[k] - mean;
  }
  return q;
}

// sum(slope * values) of a batch.
double score(const QShape& shape, const Doubles& parameters, const Floats& obs,
             const Floats& slope) {
  const std::size_t inputs = shape.widths.front();
  double sum = 0;
  std::size_t at = 0;
  for (std::size_t b = 0; b < obs.size() / inputs; ++b) {
    const Doubles x(obs.begin() + static_cast<std::ptrdiff_t>(b * inputs),
                    obs.begin() + static_cast<std::ptrdiff_t>((b + 1) * inputs));
    for (const double q : plain_forward(shape, parameters, x)) {
      sum += q * static_cast<double>(slope[at++]);
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("q_network: values equal the definition, with one stream and with two") {
  Rng rng(1);
  for (const QShape& shape : shapes()) {
    QNetwork network(shape);
    const Floats parameters = numbers(rng, network.parameters());
    for (const std::size_t size : {1U, 16U, 33U}) {
      const Floats obs = numbers(rng, size * network.inputs());
      Floats out(size * network.outputs());
      network.see(obs.data(), size);
      network.forward(parameters.data(), out.data());
      std::size_t at = 0;
      for (std::size_t b = 0; b < size; ++b) {
        const auto first = obs.begin() + static_cast<std::ptrdiff_t>(b * network.inputs());
        const Doubles x(first, first + static_cast<std::ptrdiff_t>(network.inputs()));
        for (const double q :
             plain_forward(shape, Doubles(parameters.begin(), parameters.end()), x)) {
          CHECK(std::fabs(static_cast<double>(out[at++]) - q) < 1e-5);
        }
      }
    }
  }
}

TEST_CASE("q_network: the gradient is that of differences, of every parameter") {
  Rng rng(2);
  for (const QShape& shape : shapes()) {
    QNetwork network(shape);
    const Floats parameters = numbers(rng, network.parameters());
    const Floats obs = numbers(rng, 5 * network.inputs());
    const Floats slope = numbers(rng, 5 * network.outputs());
    Floats out(slope.size());
    Floats gradient(parameters.size(), 99);
    network.see(obs.data(), 5);
    network.forward(parameters.data(), out.data());
    network.backward(parameters.data(), slope.data(), gradient.data());
    Doubles moved(parameters.begin(), parameters.end());
    constexpr double kStep = 1e-7;  // small: no ReLU is to be crossed
    for (std::size_t i = 0; i < moved.size(); ++i) {
      const double before = std::exchange(moved[i], moved[i] + kStep);
      const double above = score(shape, moved, obs, slope);
      moved[i] = before - kStep;
      const double below = score(shape, moved, obs, slope);
      moved[i] = before;
      CHECK(std::fabs(static_cast<double>(gradient[i]) - (above - below) / (2 * kStep)) < 2e-5);
    }
  }
}

TEST_CASE("q_network: shapes without a width, an action or an atom are refused") {
  CHECK_THROWS_AS(QNetwork({{}, 1, false}), InvalidValue);
  CHECK_THROWS_AS(QNetwork({{3}, 1, true}), InvalidValue);
  CHECK_THROWS_AS(QNetwork({{3, 0}, 1, false}), InvalidValue);
  CHECK_THROWS_AS(QNetwork({{3, 0, 4, 2}, 1, true}), InvalidValue);
  CHECK_THROWS_AS(QNetwork({{3, 2}, 0, false}), InvalidValue);
}

TEST_CASE("noisy_layer: weights under noise and the gradient by both equal the definition") {
  Rng rng(3);
  const std::vector<LayerSize> sizes = {{3, 2}, {17, 5}, {1, 4}};
  const NoisyLayers layers(7, sizes);
  const Floats parameters = numbers(rng, layers.parameters());
  const Floats noise = numbers(rng, layers.noises());
  const Floats by_weights = numbers(rng, layers.weights());
  Floats weights(layers.weights());
  Floats gradient(layers.parameters());
  layers.apply(parameters.data(), noise.data(), weights.data());
  layers.differentiate(by_weights.data(), noise.data(), gradient.data());
  std::size_t p = 7;
  std::size_t w = 7;
  std::size_t n = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(weights[i] == parameters[i]);
    CHECK(gradient[i] == by_weights[i]);
  }
  for (const LayerSize size : sizes) {
    const std::size_t count = (size.inputs + 1) * size.outputs;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_bias = i >= size.inputs * size.outputs;
      const std::size_t o = is_bias ? i - size.inputs * size.outputs : i / size.inputs;
      const auto into = is_bias ? 1.0 : static_cast<double>(noise[n + i % size.inputs]);
      const double epsilon = into * static_cast<double>(noise[n + size.inputs + o]);
      const double expected = static_cast<double>(parameters[p + i]) +
                              static_cast<double>(parameters[p + count + i]) * epsilon;
      CHECK(std::fabs(static_cast<double>(weights[w + i]) - expected) < 1e-6);
      CHECK(gradient[p + i] == by_weights[w + i]);
      const double by_sigma = static_cast<double>(by_weights[w + i]) * epsilon;
      CHECK(std::fabs(static_cast<double>(gradient[p + count + i]) - by_sigma) < 1e-6);
    }
    p += 2 * count;
    w += count;
    n += size.inputs + size.outputs;
  }
  CHECK(p == layers.parameters());
  CHECK(w == layers.weights());
  CHECK(n == layers.noises());
}

TEST_CASE("noisy_layer: the noisy layers of a network are those of its streams") {
  for (const QShape& shape : shapes()) {
    const NoisyLayers layers = noisy_layers(shape);
    CHECK(layers.weights() == QNetwork(shape).parameters());
  }
  CHECK(noisy_layers({{4, 17, 9, 2}, 1, true}).noises() == (17 + 9 + 9 + 2) + (17 + 9 + 9 + 1));
}
