#include "sharpwave/squashed_gaussian.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "plain_actor_critic.hpp"

using plain::check_close;
using plain::Doubles;
using plain::Drawn;
using plain::Floats;
using plain::kNan;
using plain::numbers;
using sharpwave::Rng;
using sharpwave::SquashedGaussian;

namespace {

constexpr std::size_t kSize = 3;
const SquashedGaussian kPolicy(kSize, -5, 2);

struct Case {
  Floats output;
  Floats noise;
};

// Means up to 25 away from 0, where tanh is 1; logs of deviations on both sides of both bounds.
Case random_case(Rng& rng, std::size_t batch) {
  Case of{numbers(rng, batch * 2 * kSize), numbers(rng, batch * kSize)};
  for (std::size_t i = 0; i < of.output.size(); ++i) {
    const bool is_mean = i % (2 * kSize) < kSize;
    of.output[i] *= is_mean ? (i % 4 == 0 ? 50.0F : 4.0F) : 18.0F;
  }
  for (float& each : of.noise) each *= 5;
  return of;
}

}  // namespace

TEST_CASE("squashed_gaussian: actions and their density equal the definition") {
  Rng rng(1);
  for (const std::size_t batch : {1U, 7U, 100U}) {
    const Case of = random_case(rng, batch);
    Floats action(batch * kSize);
    Floats density(batch);
    kPolicy.draw(of.output, of.noise, action, density);
    Doubles expected;
    Doubles densities;
    for (std::size_t b = 0; b < batch; ++b) {
      const Drawn drawn =
          plain::draw(Doubles(of.output.begin(), of.output.end()), of.noise, b, kSize, -5, 2);
      expected.insert(expected.end(), drawn.action.begin(), drawn.action.end());
      densities.push_back(drawn.log_density);
    }
    check_close(action, expected);
    check_close(density, densities);
  }
}

TEST_CASE("squashed_gaussian: the gradient is what small differences say, and 0 beyond a bound") {
  Rng rng(2);
  constexpr std::size_t kBatch = 50;
  constexpr float kShare = 0.7F;
  const Case of = random_case(rng, kBatch);
  const Floats by_action = numbers(rng, kBatch * kSize);
  Floats action(kBatch * kSize);
  Floats density(kBatch);
  kPolicy.draw(of.output, of.noise, action, density);
  Floats gradient = of.output;
  kPolicy.differentiate(gradient, of.noise, action, kShare, by_action);
  const auto sum = [&](const Doubles& output, std::size_t b) {
    const Drawn drawn = plain::draw(output, of.noise, b, kSize, -5, 2);
    double value = static_cast<double>(kShare) * drawn.log_density;
    for (std::size_t j = 0; j < kSize; ++j) {
      value += drawn.action[j] * static_cast<double>(by_action[b * kSize + j]);
    }
    return value;
  };
  Doubles expected;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const auto at = [&](double step) {
      Doubles output(of.output.begin(), of.output.end());
      output[i] += step;
      return sum(output, i / (2 * kSize));
    };
    expected.push_back((at(1e-6) - at(-1e-6)) / 2e-6);
  }
  check_close(gradient, expected);
  CHECK(std::count(gradient.begin(), gradient.end(), 0.0F) > 10);
}

TEST_CASE("squashed_gaussian: NaN is NaN in action and density") {
  const Floats output = {kNan, 0, 0, 0, 0, kNan};
  const Floats noise(3);
  Floats action(3);
  Floats density(1);
  kPolicy.draw(output, noise, action, density);
  CHECK(std::isnan(action[0]));
  CHECK(action[1] == 0);
  CHECK(std::isnan(action[2]));
  CHECK(std::isnan(density[0]));
}
