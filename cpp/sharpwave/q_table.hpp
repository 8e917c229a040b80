#pragma once
// The table of tabular Q-learning: its update, one transition after another, and how it acts.
//
// Threads: none; the owner locks. Ownership: none; the values are the caller's memory.
// Invariants: (1) a call that throws has changed nothing.
// Cost: two rows of the table a transition, one an action.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sharpwave {

// The integers from `first` on that name the rows or the columns of a table.
struct Numbering {
  std::int64_t first = 0;
  std::size_t count = 0;

  // As unsigned numbers, what lies before the first one wraps to far behind the last.
  [[nodiscard]] bool has(std::int64_t number) const { return distance(number) < count; }
  // REQUIRES: has(number).
  [[nodiscard]] std::size_t place(std::int64_t number) const {
    return static_cast<std::size_t>(distance(number));
  }
  [[nodiscard]] std::int64_t at(std::size_t place) const {
    return first + static_cast<std::int64_t>(place);
  }

 private:
  [[nodiscard]] std::uint64_t distance(std::int64_t number) const {
    return static_cast<std::uint64_t>(number) - static_cast<std::uint64_t>(first);
  }
};

// As many of each. `discount` is that of the next value: 0 where the episode terminated.
struct TabularTransitions {
  std::span<const std::int64_t> obs;
  std::span<const std::int64_t> action;
  std::span<const double> reward;
  std::span<const std::int64_t> next_obs;
  std::span<const double> discount;
};

class QTable {
 public:
  // REQUIRES: values.size() == states.count * actions.count; at least one action.
  QTable(std::span<double> values, Numbering states, Numbering actions)
      : values_(values), states_(states), actions_(actions) {}

  // td_error = reward + discount * max_a Q(next_obs, a) - Q(obs, action), and
  // Q(obs, action) += learning_rate * td_error (Watkins & Dayan 1992; Sutton & Barto 2018,
  // equation 6.8); a transition sees what those before it have changed.
  // REQUIRES: spans of one length. THROWS InvalidValue for a state or an action that the table does
  // not have, and for a reward or a discount that is not finite.
  void update(const TabularTransitions& transitions, double learning_rate,
              std::span<double> td_error) const;

  // The most valuable action, of equal ones the first. THROWS InvalidValue for an unknown state.
  [[nodiscard]] std::int64_t greedy(std::int64_t obs) const;

  // With probability epsilon any action, else one of the most valuable ones, all alike. `u` is a
  // uniform number in [0, 1), the only chance in it. THROWS as greedy.
  [[nodiscard]] std::int64_t epsilon_greedy(std::int64_t obs, double epsilon, double u) const;

 private:
  void check(const TabularTransitions& transitions) const;
  // REQUIRES: a state of the table.
  [[nodiscard]] std::span<double> row(std::int64_t obs) const {
    return values_.subspan(states_.place(obs) * actions_.count, actions_.count);
  }

  std::span<double> values_;
  Numbering states_;
  Numbering actions_;
};

}  // namespace sharpwave
