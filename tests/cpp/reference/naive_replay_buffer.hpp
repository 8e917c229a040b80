#pragma once
// The slow twin: a list of whole transitions for each environment. Nothing is shared or reused.

#include <cstdint>
#include <deque>
#include <vector>

namespace reference {

struct Transition {
  std::int64_t time;
  std::vector<float> obs;
  std::int64_t action;
  float reward;
  std::vector<float> next_obs;
  bool terminated;
  bool truncated;
};

class NaiveReplayBuffer {
 public:
  NaiveReplayBuffer(std::size_t capacity, std::size_t environments)
      : each_(capacity / environments), rows_(environments), counts_(environments, 0) {}

  void add(std::size_t environment, Transition transition) {
    transition.time = counts_[environment]++;
    rows_[environment].push_back(std::move(transition));
    if (rows_[environment].size() > each_) rows_[environment].pop_front();
  }

  void clear() {
    for (auto& rows : rows_) rows.clear();
  }

  [[nodiscard]] std::size_t size() const {
    std::size_t total = 0;
    for (const auto& rows : rows_) total += rows.size();
    return total;
  }

  // nullptr: not stored.
  [[nodiscard]] const Transition* find(std::int64_t index) const {
    const auto environments = static_cast<std::int64_t>(rows_.size());
    for (const Transition& row : rows_[static_cast<std::size_t>(index % environments)]) {
      if (row.time == index / environments) return &row;
    }
    return nullptr;
  }

 private:
  std::size_t each_;
  std::vector<std::deque<Transition>> rows_;
  std::vector<std::int64_t> counts_;
};

}  // namespace reference
