#pragma once
// Actors and critics as they are defined, in double, one transition at a time.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>
#include <vector>

#include "plain_mlp.hpp"

namespace plain {

struct Drawn {
  Doubles action;
  double log_density;
};

// What transition b of a batch draws: the density of a Gaussian over the slope of tanh, 1 / cosh².
inline Drawn draw(const Doubles& output, const Floats& noise, std::size_t b, std::size_t size,
                  double least, double most) {
  Drawn drawn{{}, 0};
  for (std::size_t j = 0; j < size; ++j) {
    const double n = static_cast<double>(noise[b * size + j]);
    const double std = std::exp(std::clamp(output[(2 * b + 1) * size + j], least, most));
    const double u = output[2 * b * size + j] + std * n;
    drawn.action.push_back(std::tanh(u));
    drawn.log_density += -0.5 * n * n - std::log(std * std::sqrt(2 * std::numbers::pi));
    drawn.log_density += 2 * std::log(std::cosh(u));
  }
  return drawn;
}

struct Rows {
  std::size_t obs_size;
  std::size_t actions;
  Floats obs;
  Floats action;
  Floats reward;
  Floats next_obs;
  Floats discount;
  Floats weight;  // or empty
  Floats noise;

  [[nodiscard]] std::size_t size() const { return reward.size(); }
};

inline Rows random_rows(Rng& rng, std::size_t size, std::size_t obs, std::size_t actions) {
  Rows rows{obs,
            actions,
            numbers(rng, size * obs),
            numbers(rng, size * actions),
            numbers(rng, size),
            numbers(rng, size * obs),
            numbers(rng, size),
            numbers(rng, size),
            numbers(rng, size * actions)};
  for (float& each : rows.noise) each *= 4;
  return rows;
}

// Row i of `obs`, and an action: what a critic sees.
inline Doubles beside(const Floats& obs, std::size_t i, std::size_t size, const Doubles& action) {
  Doubles row(obs.data() + i * size, obs.data() + (i + 1) * size);
  row.insert(row.end(), action.begin(), action.end());
  return row;
}

inline Doubles row_of(const Floats& values, std::size_t i, std::size_t size) {
  return {values.data() + i * size, values.data() + (i + 1) * size};
}

struct PlainCritics {
  Widths widths;
  std::vector<PlainMlp> each;

  PlainCritics(Rng& rng, Widths of, std::size_t number) : widths(std::move(of)) {
    std::size_t count = 0;
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) count += (widths[l] + 1) * widths[l + 1];
    for (std::size_t k = 0; k < number; ++k) each.push_back({widths, numbers(rng, count)});
  }

  [[nodiscard]] Floats parameters() const {
    std::vector<Floats> all;
    for (const PlainMlp& mlp : each) all.push_back(mlp.parameters);
    return together(widths, all);
  }

  [[nodiscard]] double value(std::size_t k, const Doubles& row) const {
    return each[k].forward(row.data()).back()[0];
  }

  [[nodiscard]] double least(const Widths& members, const Doubles& row) const {
    double least = value(members[0], row);
    for (const std::size_t k : members) least = std::min(least, value(k, row));
    return least;
  }

  [[nodiscard]] double mean(const Doubles& row) const {
    double sum = 0;
    for (std::size_t k = 0; k < each.size(); ++k) sum += value(k, row);
    return sum / static_cast<double>(each.size());
  }
};

struct Expected {
  double loss = 0;
  Doubles td_error;
  Doubles gradient;
};

// Of the critics' step towards y.
inline Expected towards(const PlainCritics& critics, const Rows& rows, const Doubles& y) {
  Expected expected;
  const auto size = static_cast<double>(rows.size());
  std::vector<Doubles> gradients(critics.each.size(), Doubles(critics.each[0].parameters.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Doubles action = row_of(rows.action, i, rows.actions);
    const Doubles row = beside(rows.obs, i, rows.obs_size, action);
    const double weight = rows.weight.empty() ? 1 : static_cast<double>(rows.weight[i]);
    double sum = 0;
    for (std::size_t k = 0; k < critics.each.size(); ++k) {
      const double error = critics.value(k, row) - y[i];
      expected.loss += weight * error * error / size;
      sum += std::fabs(error);
      critics.each[k].backward(row.data(), {2 * weight * error / size}, gradients[k]);
    }
    expected.td_error.push_back(sum / static_cast<double>(critics.each.size()));
  }
  expected.gradient = together(critics.widths, gradients);
  return expected;
}

// The gradient by an actor's parameters of the mean over i of loss(i, output of i), by differences
// of the loss; and that mean.
template <typename Loss>
Expected through(const PlainMlp& actor, const Rows& rows, const Loss& loss) {
  Expected expected{0, {}, Doubles(actor.parameters.size())};
  const auto size = static_cast<double>(rows.size());
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float* const obs = rows.obs.data() + i * rows.obs_size;
    const Doubles output = actor.forward(obs).back();
    Doubles slope;
    for (std::size_t j = 0; j < output.size(); ++j) {
      Doubles above = output;
      Doubles below = output;
      above[j] += kStep;
      below[j] -= kStep;
      slope.push_back((loss(i, above) - loss(i, below)) / (2 * kStep * size));
    }
    expected.loss += loss(i, output) / size;
    actor.backward(obs, slope, expected.gradient);
  }
  return expected;
}

}  // namespace plain
