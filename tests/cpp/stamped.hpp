#pragma once
// Transitions that carry one number in every field, and the check that a batch's rows are whole.

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "sharpwave/replay_buffer.hpp"

namespace stamped {

constexpr std::size_t kWidth = 100;
constexpr double kGamma = 0.5;  // so that returns of stamps below 2^20 are exact in float

inline sharpwave::Schema schema() {
  return {{{"obs", "float32", 4, {kWidth}}}, {{"action", "int64", 8, {}}}, {}};
}

// Observation and reward `stamp`, successor `stamp + 1`.
inline void add(sharpwave::ReplayBuffer& buffer, std::int64_t stamp) {
  const auto bytes = [](const void* data) { return static_cast<const std::byte*>(data); };
  const auto number = static_cast<float>(stamp);
  const std::vector<float> obs(kWidth, number);
  const std::vector<float> successor(kWidth, number + 1);
  const std::byte* const fields[] = {bytes(obs.data()), bytes(&stamp), bytes(&number)};
  const std::byte* const next_obs[] = {bytes(successor.data())};
  const std::uint32_t environment = 0;
  const bool is_end = false;
  buffer.add({1, {&environment, 1}, fields, next_obs, &is_end, &is_end});
}

struct Batch {
  sharpwave::BatchLayout layout;
  sharpwave::BlockPool::Block block;

  template <typename Value>
  [[nodiscard]] const Value* column(std::size_t offset) const {
    return reinterpret_cast<const Value*>(block.get() + offset);
  }
  [[nodiscard]] const std::int64_t* index() const { return column<std::int64_t>(layout.index); }
};

inline Batch batch_of(sharpwave::ReplayBuffer& buffer, std::size_t rows) {
  const sharpwave::BatchLayout layout(buffer.schema(),
                                      {.samples = rows, .has_weight = buffer.has_priorities()});
  return {layout, buffer.pool()->lend(layout.bytes)};
}

// The row's stamp, if all of it belongs to one transition and its window, of whatever length.
inline bool is_whole(const Batch& batch, std::size_t row) {
  const std::int64_t stamp = batch.column<std::int64_t>(batch.layout.fields[1])[row];
  const auto* const obs = batch.column<float>(batch.layout.fields[0]) + row * kWidth;
  const auto* const next_obs = batch.column<float>(batch.layout.next_obs[0]) + row * kWidth;
  const double discount = batch.column<float>(batch.layout.discount)[row];
  const auto steps = static_cast<std::int64_t>(std::lround(std::log(discount) / std::log(kGamma)));
  double reward = 0.0;
  for (std::int64_t i = steps - 1; i >= 0; --i) {
    reward = reward * kGamma + static_cast<double>(stamp + i);
  }
  bool whole = steps >= 1 && reward == batch.column<float>(batch.layout.fields[2])[row];
  for (std::size_t i = 0; i < kWidth; ++i) {
    whole &= obs[i] == static_cast<float>(stamp);
    whole &= next_obs[i] == static_cast<float>(stamp + steps);
  }
  return whole;
}

inline std::size_t torn_rows(const Batch& batch) {
  std::size_t torn = 0;
  for (std::size_t row = 0; row < batch.layout.rows; ++row) torn += is_whole(batch, row) ? 0 : 1;
  return torn;
}

}  // namespace stamped
