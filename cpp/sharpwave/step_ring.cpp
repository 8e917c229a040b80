#include "sharpwave/step_ring.hpp"

#include <algorithm>
#include <cstring>

#include "sharpwave/kernels/cpu.hpp"

namespace sharpwave {
namespace {

float value(const Column& column, std::int64_t row) {
  float read = 0;
  std::memcpy(&read, column.row(static_cast<std::size_t>(row)), sizeof(read));
  return read;
}

struct Walk {
  std::int64_t last;
  float reward;
  float discount;
};

Walk walk(const StepRing& ring, std::int64_t row, const Column& reward,
          std::span<const Column> ends) {
  double sum = 0;
  double discount = 1;
  for (std::int64_t length = 1;; ++length) {
    sum += discount * static_cast<double>(value(reward, row));
    const bool is_end = std::any_of(ends.begin(), ends.end(),
                                    [row](const Column& end) { return value(end, row) != 0; });
    discount *= ring.gamma;
    if (is_end || length == ring.n_step || row / ring.environments == ring.newest) {
      return {row, static_cast<float>(sum), static_cast<float>(discount)};
    }
    row += ring.environments;
    if (row >= ring.rows) row -= ring.rows;
  }
}

}  // namespace

void n_step_windows(const StepRing& ring, std::span<const std::int64_t> rows, const Column& reward,
                    std::span<const Column> ends, const StepWindows& out) {
  constexpr std::size_t kAhead = 16;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) {
      prefetch(reward.row(static_cast<std::size_t>(rows[i + kAhead])));
    }
    const Walk found = walk(ring, rows[i], reward, ends);
    out.last[i] = found.last;
    out.reward[i] = found.reward;
    out.discount[i] = found.discount;
  }
}

}  // namespace sharpwave
