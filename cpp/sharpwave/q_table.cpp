#include "sharpwave/q_table.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

void check_number(const char* name, std::int64_t number, const Numbering& known) {
  if (known.has(number)) return;
  throw InvalidValue(std::string(name) + ": expected integers from " + std::to_string(known.first) +
                     " to " + std::to_string(known.at(known.count - 1)) + ", got " +
                     std::to_string(number));
}

void check_finite(const char* name, double value) {
  if (std::isfinite(value)) return;
  throw InvalidValue(std::string(name) + ": expected finite numbers, got " + std::to_string(value) +
                     "; nothing was changed");
}

// The first place of `count` that the share u in [0, 1) has not passed. Where u * count rounds up
// to count, it is the last one.
std::size_t pick(double u, std::size_t count) {
  return std::min(static_cast<std::size_t>(u * static_cast<double>(count)), count - 1);
}

double largest(std::span<const double> values) {
  return *std::max_element(values.begin(), values.end());
}

std::size_t place_of_largest(std::span<const double> values, double u) {
  const double most = largest(values);
  const auto ties = static_cast<std::size_t>(std::count(values.begin(), values.end(), most));
  std::size_t left = pick(u, ties);
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (values[a] == most && left-- == 0) return a;
  }
  return 0;
}

}  // namespace

void QTable::check(const TabularTransitions& transitions) const {
  for (std::size_t i = 0; i < transitions.obs.size(); ++i) {
    check_number("obs", transitions.obs[i], states_);
    check_number("action", transitions.action[i], actions_);
    check_finite("reward", transitions.reward[i]);
    check_number("next_obs", transitions.next_obs[i], states_);
    check_finite("discount", transitions.discount[i]);
  }
}

void QTable::update(const TabularTransitions& transitions, double learning_rate,
                    std::span<double> td_error) const {
  check(transitions);
  for (std::size_t i = 0; i < td_error.size(); ++i) {
    double& q = row(transitions.obs[i])[actions_.place(transitions.action[i])];
    const double next_q = largest(row(transitions.next_obs[i]));
    td_error[i] = transitions.reward[i] + transitions.discount[i] * next_q - q;
    q += learning_rate * td_error[i];
  }
}

std::int64_t QTable::greedy(std::int64_t obs) const {
  check_number("obs", obs, states_);
  const std::span<const double> values = row(obs);
  const auto best = std::max_element(values.begin(), values.end());
  return actions_.at(static_cast<std::size_t>(best - values.begin()));
}

std::int64_t QTable::epsilon_greedy(std::int64_t obs, double epsilon, double u) const {
  check_number("obs", obs, states_);
  if (u < epsilon) return actions_.at(pick(u / epsilon, actions_.count));
  return actions_.at(place_of_largest(row(obs), (u - epsilon) / (1 - epsilon)));
}

}  // namespace sharpwave
