#pragma once
// A multilayer perceptron as it is defined, in double, and random numbers to try it on.

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "sharpwave/rng.hpp"

namespace plain {

using sharpwave::Rng;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Widths = std::vector<std::size_t>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline Floats numbers(Rng& rng, std::size_t count) {
  Floats values(count);
  for (float& value : values) value = static_cast<float>(rng.next() >> 40) * 0x1p-24F - 0.5F;
  return values;
}

// The definition, in double: the values of each layer for one observation, and the gradient.
struct PlainMlp {
  Widths widths;
  Floats parameters;

  [[nodiscard]] std::size_t weight(std::size_t layer) const {
    std::size_t at = 0;
    for (std::size_t l = 0; l < layer; ++l) at += (widths[l] + 1) * widths[l + 1];
    return at;
  }

  template <typename Real>
  [[nodiscard]] std::vector<Doubles> forward(const Real* obs) const {
    std::vector<Doubles> x = {Doubles(obs, obs + widths[0])};
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      const float* const w = parameters.data() + weight(l);
      const float* const bias = w + widths[l] * widths[l + 1];
      Doubles y;
      for (std::size_t o = 0; o < widths[l + 1]; ++o) {
        auto sum = static_cast<double>(bias[o]);
        for (std::size_t i = 0; i < widths[l]; ++i) {
          sum += x[l][i] * static_cast<double>(w[o * widths[l] + i]);
        }
        y.push_back(l + 2 < widths.size() && sum <= 0 ? 0 : sum);
      }
      x.push_back(y);
    }
    return x;
  }

  // Adds to the gradient; returns that by the inputs.
  template <typename Real>
  Doubles backward(const Real* obs, Doubles slope, Doubles& gradient) const {
    const auto x = forward(obs);
    for (std::size_t l = widths.size() - 1; l-- > 0;) {
      const float* const w = parameters.data() + weight(l);
      double* const of_weight = gradient.data() + weight(l);
      Doubles before(widths[l]);
      for (std::size_t o = 0; o < widths[l + 1]; ++o) {
        for (std::size_t i = 0; i < widths[l]; ++i) {
          of_weight[o * widths[l] + i] += slope[o] * x[l][i];
          before[i] +=
              l == 0 || x[l][i] > 0 ? slope[o] * static_cast<double>(w[o * widths[l] + i]) : 0;
        }
        of_weight[widths[l] * widths[l + 1] + o] += slope[o];
      }
      slope = before;
    }
    return slope;
  }
};

// One vector of several networks', of each layer the weights (number, in, out), then the biases.
template <typename Real>
std::vector<Real> together(const Widths& widths, const std::vector<std::vector<Real>>& each) {
  std::vector<Real> all;
  std::size_t weight = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const std::size_t inputs = widths[l];
    const std::size_t outputs = widths[l + 1];
    const std::size_t bias = weight + inputs * outputs;
    for (const auto& own : each) {
      for (std::size_t i = 0; i < inputs; ++i) {
        for (std::size_t o = 0; o < outputs; ++o) all.push_back(own[weight + o * inputs + i]);
      }
    }
    for (const auto& own : each) {
      for (std::size_t o = 0; o < outputs; ++o) all.push_back(own[bias + o]);
    }
    weight = bias + outputs;
  }
  return all;
}

// NaN is close to nothing.
inline void check_close(const Floats& got, const Doubles& expected, double tolerance = 1e-5) {
  REQUIRE(got.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < got.size() && worst < tolerance; ++i) {
    worst = std::fabs(static_cast<double>(got[i]) - expected[i]) / (1 + std::fabs(expected[i]));
  }
  CHECK(worst < tolerance);
}

}  // namespace plain
