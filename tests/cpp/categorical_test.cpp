#include "sharpwave/categorical.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sharpwave/error.hpp"
#include "sharpwave/exponential.hpp"
#include "sharpwave/rng.hpp"

using sharpwave::Categorical;
using sharpwave::InvalidValue;
using sharpwave::Rng;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Floats random_logits(Rng& rng, std::size_t count) {
  Floats values(count);
  for (float& value : values) value = static_cast<float>(rng.next() >> 40) * 0x1p-21F - 4;
  return values;
}

Doubles softmax(const Floats& logits) {
  Doubles p;
  double sum = 0;
  for (const float logit : logits) p.push_back(std::exp(static_cast<double>(logit)));
  for (const double each : p) sum += each;
  for (double& each : p) each /= sum;
  return p;
}

// Every pair of atoms: the share of one's mass that the other gets falls with their distance.
Doubles plain_target(double reward, double discount, const Doubles& p, double v_min, double v_max) {
  const double spacing = (v_max - v_min) / static_cast<double>(p.size() - 1);
  Doubles out(p.size());
  for (std::size_t j = 0; j < p.size(); ++j) {
    const double z = reward + discount * (v_min + spacing * static_cast<double>(j));
    const double place = (std::fmin(std::fmax(z, v_min), v_max) - v_min) / spacing;
    for (std::size_t i = 0; i < p.size(); ++i) {
      out[i] += p[j] * std::fmax(0.0, 1 - std::fabs(place - static_cast<double>(i)));
    }
  }
  return out;
}

Floats target_of(Categorical& categorical, float reward, float discount, const Floats& logits) {
  Floats out(logits.size(), kNan);
  categorical.target(reward, discount, logits.data(), out.data());
  return out;
}

void check_close(const Floats& got, const Doubles& expected, double tolerance = 2e-6) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(std::fabs(static_cast<double>(got[i]) - expected[i]) < tolerance);
  }
}

}  // namespace

TEST_CASE("exponential: within two units in the last place, whatever the number") {
  for (int i = -870'000; i <= 880'000; i += 37) {
    const float x = static_cast<float>(i) * 1e-4F;
    const double exact = std::exp(static_cast<double>(x));
    CHECK(std::fabs(static_cast<double>(sharpwave::exp_of(x)) / exact - 1) < 2.4e-7);
  }
  for (float x = 1.2e-38F; x < 1e38F; x *= 1.0173F) {
    const double exact = std::log(static_cast<double>(x));
    const double off = std::fabs(static_cast<double>(sharpwave::log_of(x)) - exact);
    CHECK(off <= 2.4e-7 * std::fabs(exact));
  }
  CHECK(sharpwave::exp_of(0) == 1);
  CHECK(sharpwave::log_of(1) == 0);
  CHECK(sharpwave::exp_of(-INFINITY) < 2e-38F);
  CHECK(std::isnan(sharpwave::exp_of(kNan)));
}

TEST_CASE("categorical: values and targets equal the definition") {
  Rng rng(1);
  for (const std::size_t atoms : {2U, 3U, 16U, 51U}) {
    Categorical categorical(atoms, -2, 3);
    for (int i = 0; i < 50; ++i) {
      const Floats logits = random_logits(rng, atoms);
      const Doubles p = softmax(logits);
      double value = 0;
      for (std::size_t k = 0; k < atoms; ++k) {
        value += p[k] * (-2 + 5 * static_cast<double>(k) / static_cast<double>(atoms - 1));
      }
      CHECK(std::fabs(static_cast<double>(categorical.value(logits.data())) - value) < 5e-6);
      const Floats numbers = random_logits(rng, 2);
      const float discount = numbers[1] < 0 ? 0 : 0.97F;
      check_close(
          target_of(categorical, numbers[0], discount, logits),
          plain_target(static_cast<double>(numbers[0]), static_cast<double>(discount), p, -2, 3));
    }
  }
}

TEST_CASE("categorical: what lands on an atom stays whole, what lands beyond goes to the ends") {
  Categorical categorical(5, 0, 4);
  const Floats logits = {0, 1, 2, 3, 4};
  const Doubles p = softmax(logits);
  CHECK(target_of(categorical, 2, 0, logits)[2] == doctest::Approx(1));  // terminated
  check_close(target_of(categorical, 2, 0, logits), {0, 0, 1, 0, 0});
  check_close(target_of(categorical, 0, 1, logits), p);
  check_close(target_of(categorical, 1, 1, logits), {0, p[0], p[1], p[2], p[3] + p[4]});
  check_close(target_of(categorical, -1, 1, logits), {p[0] + p[1], p[2], p[3], p[4], 0});
  check_close(target_of(categorical, 99, 1, logits), {0, 0, 0, 0, 1});
  check_close(target_of(categorical, -99, 1, logits), {1, 0, 0, 0, 0});
  check_close(target_of(categorical, 4, 0, logits), {0, 0, 0, 0, 1});
  check_close(target_of(categorical, 1.25F, 0, logits), {0, 0.75, 0.25, 0, 0});
  CHECK(std::isnan(target_of(categorical, kNan, 1, logits)[0]));
}

TEST_CASE("categorical: loss, divergence and gradient equal the definition") {
  Rng rng(2);
  for (const std::size_t atoms : {2U, 7U, 51U}) {
    Categorical categorical(atoms, 0, 1);
    for (int i = 0; i < 50; ++i) {
      Floats logits = random_logits(rng, atoms);
      const Floats y = target_of(categorical, 0.3F, 0.5F, random_logits(rng, atoms));
      const Doubles p = softmax(logits);
      double loss = 0;
      double entropy = 0;
      Doubles slope;
      for (std::size_t k = 0; k < atoms; ++k) {
        const auto m = static_cast<double>(y[k]);
        loss -= m * std::log(p[k]);
        entropy -= m > 0 ? m * std::log(m) : 0;
        slope.push_back(0.25 * (p[k] - m));
      }
      const auto got = categorical.differentiate(y.data(), 0.25F, logits.data());
      CHECK(static_cast<double>(got.cross_entropy) == doctest::Approx(loss).epsilon(1e-5));
      CHECK(std::fabs(static_cast<double>(got.divergence) - (loss - entropy)) < 1e-5);
      check_close(logits, slope);
    }
  }
}

TEST_CASE("categorical: of a target that is the prediction nothing is to be learned") {
  Rng rng(3);
  Categorical categorical(51, 0, 200);
  Floats logits = random_logits(rng, 51);
  const Floats y = target_of(categorical, 0, 1, logits);
  const auto got = categorical.differentiate(y.data(), 1, logits.data());
  CHECK(got.divergence >= 0);
  CHECK(got.divergence < 1e-5F);
  check_close(logits, Doubles(51));
}

TEST_CASE("categorical: NaN is NaN, and supports without a width are refused") {
  Categorical categorical(3, 0, 1);
  for (std::size_t at = 0; at < 3; ++at) {
    Floats logits = {0, 1, 2};
    logits[at] = kNan;
    const Floats y = {0, 1, 0};
    CHECK(std::isnan(categorical.value(logits.data())));
    CHECK(std::isnan(categorical.differentiate(y.data(), 1, logits.data()).cross_entropy));
  }
  Floats logits = {0, 1, 2};
  const Floats y = {kNan, kNan, 0};
  CHECK(std::isnan(categorical.differentiate(y.data(), 1, logits.data()).divergence));
  CHECK_THROWS_AS(Categorical(1, 0, 1), InvalidValue);
  CHECK_THROWS_AS(Categorical(2, 1, 1), InvalidValue);
  CHECK_THROWS_AS(Categorical(2, 0, static_cast<double>(kNan)), InvalidValue);
}
