#include "sharpwave/n_step.hpp"

#include <cstring>

namespace sharpwave {

NStep::NStep(const Table& table, std::size_t reward_offset, std::size_t ring_capacity)
    : table_(table), reward_offset_(reward_offset), ring_capacity_(ring_capacity) {}

float NStep::reward(std::uint64_t row) const {
  float value = 0.0F;
  std::memcpy(&value, table_.records().row(row) + reward_offset_, sizeof(value));
  return value;
}

Window NStep::window(std::uint64_t row) const {
  const Meta* meta = &table_.meta(row);
  double power = gamma_;
  Window window{row, reward(row), 0.0F};
  if (n_step_ > 1 && !meta->ends_window()) {
    double sum = window.reward;
    for (std::size_t k = 1; k < n_step_ && !meta->ends_window(); ++k) {
      window.last = behind(window.last, *meta);
      meta = &table_.meta(window.last);
      sum += power * static_cast<double>(reward(window.last));
      power *= gamma_;
    }
    window.reward = static_cast<float>(sum);
  }
  window.discount = meta->terminated ? 0.0F : static_cast<float>(power);
  return window;
}

}  // namespace sharpwave
