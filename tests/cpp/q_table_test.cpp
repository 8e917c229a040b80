#include "sharpwave/q_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "sharpwave/error.hpp"
#include "sharpwave/rng.hpp"

using sharpwave::InvalidValue;
using sharpwave::QTable;
using sharpwave::Rng;
using Numbers = std::vector<std::int64_t>;
using Values = std::vector<double>;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Steps {
  Numbers obs;
  Numbers action;
  Values reward;
  Numbers next_obs;
  Values discount;
};

double uniform(Rng& rng) { return static_cast<double>(rng.next() >> 11) * 0x1p-53; }

Steps random_steps(Rng& rng, std::size_t count, std::uint64_t states, std::uint64_t actions) {
  Steps steps;
  for (std::size_t i = 0; i < count; ++i) {
    steps.obs.push_back(static_cast<std::int64_t>(rng.below(states)));
    steps.action.push_back(static_cast<std::int64_t>(rng.below(actions)));
    steps.reward.push_back(uniform(rng) - 0.5);
    steps.next_obs.push_back(static_cast<std::int64_t>(rng.below(states)));
    steps.discount.push_back(rng.below(4) == 0 ? 0.0 : 0.9);
  }
  return steps;
}

Values update(const QTable& table, const Steps& steps, double learning_rate) {
  Values td_error(steps.obs.size());
  table.update({steps.obs, steps.action, steps.reward, steps.next_obs, steps.discount},
               learning_rate, td_error);
  return td_error;
}

// The definition, on a table of rows.
Values plain_update(std::vector<Values>& table, const Steps& steps, double learning_rate) {
  Values td_error;
  for (std::size_t i = 0; i < steps.obs.size(); ++i) {
    const Values& next_q = table[static_cast<std::size_t>(steps.next_obs[i])];
    double most = next_q[0];
    for (const double q : next_q) most = q > most ? q : most;
    double& q =
        table[static_cast<std::size_t>(steps.obs[i])][static_cast<std::size_t>(steps.action[i])];
    td_error.push_back(steps.reward[i] + steps.discount[i] * most - q);
    q = q + learning_rate * td_error.back();
  }
  return td_error;
}

}  // namespace

TEST_CASE("q_table: the update equals the definition bit for bit") {
  Rng rng(1);
  for (const std::size_t actions : {1U, 2U, 4U, 19U}) {
    const std::size_t states = 7;
    Values values(states * actions);
    std::vector<Values> plain(states, Values(actions));
    for (std::size_t i = 0; i < values.size(); ++i) {
      plain[i / actions][i % actions] = values[i] = uniform(rng) - 0.5;
    }
    for (const std::size_t count : {0U, 1U, 2U, 300U}) {
      const Steps steps = random_steps(rng, count, states, actions);
      const QTable table(values, {0, states}, {0, actions});
      CHECK(update(table, steps, 0.3) == plain_update(plain, steps, 0.3));
    }
    for (std::size_t s = 0; s < states; ++s) {
      CHECK(std::equal(plain[s].begin(), plain[s].end(),
                       values.begin() + static_cast<std::ptrdiff_t>(s * actions)));
    }
  }
}

TEST_CASE("q_table: a transition sees what those before it have changed") {
  Values values = {0, 0, 0, 0};
  const QTable table(values, {0, 2}, {0, 2});
  const Values td_error = update(table, {{1, 0}, {1, 0}, {8, 0}, {0, 1}, {0, 1}}, 0.5);
  CHECK(td_error == Values{8, 4});
  CHECK(values == Values{2, 0, 0, 4});
}

TEST_CASE("q_table: states and actions are named by their own numbers") {
  Values values = {0, 0, 0, 0};
  const QTable table(values, {-1, 2}, {5, 2});
  update(table, {{-1}, {6}, {4}, {0}, {0}}, 0.5);
  CHECK(values == Values{0, 2, 0, 0});
  CHECK(table.greedy(-1) == 6);
  CHECK(table.greedy(0) == 5);
  CHECK(table.epsilon_greedy(0, 1.0, 0.6) == 6);
}

TEST_CASE("q_table: what is refused changes nothing, wherever it stands") {
  Values values = {1, 2, 3, 4};
  const Values before = values;
  const QTable table(values, {3, 2}, {0, 2});
  const Steps good = {{3, 4}, {0, 1}, {1, 1}, {4, 3}, {0, 0}};
  for (std::size_t at = 0; at < 2; ++at) {
    for (const std::int64_t wrong :
         {std::int64_t{2}, std::int64_t{5}, std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
      for (const auto part : {&Steps::obs, &Steps::action, &Steps::next_obs}) {
        Steps steps = good;
        (steps.*part)[at] = wrong;
        CHECK_THROWS_AS(update(table, steps, 0.5), InvalidValue);
      }
      CHECK_THROWS_AS((void)table.greedy(wrong), InvalidValue);
      CHECK_THROWS_AS((void)table.epsilon_greedy(wrong, 0.5, 0.1), InvalidValue);
    }
    for (const double wrong : {kNan, kInfinity, -kInfinity}) {
      for (const auto part : {&Steps::reward, &Steps::discount}) {
        Steps steps = good;
        (steps.*part)[at] = wrong;
        CHECK_THROWS_AS(update(table, steps, 0.5), InvalidValue);
      }
    }
  }
  CHECK(values == before);
}

TEST_CASE("q_table: an error says what was expected and what came") {
  Values values(4);
  const QTable table(values, {3, 2}, {0, 2});
  CHECK_THROWS_WITH_AS((void)table.greedy(7), "obs: expected integers from 3 to 4, got 7",
                       InvalidValue);
}

TEST_CASE("q_table: greedy takes the first of equal actions") {
  Values values = {1, 3, 3, -1, -1, -1};
  const QTable table(values, {0, 2}, {0, 3});
  CHECK(table.greedy(0) == 1);
  CHECK(table.greedy(1) == 0);
}

TEST_CASE("q_table: one uniform number chooses among all actions, or among the best ones") {
  Values values = {3, 1, 3, 0};
  const QTable table(values, {0, 1}, {0, 4});
  const double last = 1 - 0x1p-53;  // the largest number below 1
  CHECK(table.epsilon_greedy(0, 0.0, 0.0) == 0);
  CHECK(table.epsilon_greedy(0, 0.0, 0.49) == 0);
  CHECK(table.epsilon_greedy(0, 0.0, 0.5) == 2);
  CHECK(table.epsilon_greedy(0, 0.0, last) == 2);
  CHECK(table.epsilon_greedy(0, 1.0, 0.0) == 0);
  CHECK(table.epsilon_greedy(0, 1.0, 0.5) == 2);
  CHECK(table.epsilon_greedy(0, 1.0, last) == 3);
  CHECK(table.epsilon_greedy(0, 0.5, 0.2) == 1);  // the second quarter of what is below 0.5
  CHECK(table.epsilon_greedy(0, 0.5, 0.7) == 0);  // the first half of what is above
  CHECK(table.epsilon_greedy(0, 0.5, 0.8) == 2);
}

TEST_CASE("q_table: equal actions are explored alike") {
  Values values = {2, 2, 2, 1};
  const QTable table(values, {0, 1}, {0, 4});
  Rng rng(3);
  std::vector<int> counts(4);
  for (int i = 0; i < 40'000; ++i) {
    ++counts[static_cast<std::size_t>(table.epsilon_greedy(0, 0.4, uniform(rng)))];
  }
  // Any action with 0.4 / 4, each of the three best with 0.6 / 3 more; five deviations.
  for (std::size_t a = 0; a < 3; ++a) CHECK(std::abs(counts[a] - 12'000) < 460);
  CHECK(std::abs(counts[3] - 4'000) < 300);
}
