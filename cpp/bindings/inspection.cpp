#include "inspection.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>

#include "buffer.hpp"
#include "release.hpp"

namespace sharpwave::bindings {
namespace {

struct Asked {
  Stats stats;
  std::optional<std::size_t> huge_page_bytes;
};

Asked ask(ReplayBuffer& core) {
  const Released released;
  Stats stats = core.stats();
  const auto huge = platform::huge_page_bytes(stats.blocks);
  return {std::move(stats), huge};
}

}  // namespace

py::dict stats(const py::object& self) {
  const auto [stats, huge_page_bytes] = ask(buffer_of(self).core);
  py::dict bytes;
  for (const Expense& expense : stats.expenses) bytes[py::str(expense.name)] = expense.bytes;
  py::dict found;
  found["bytes"] = bytes;
  found["huge_page_bytes"] = huge_page_bytes;
  found["capacity"] = stats.capacity;
  found["stored"] = stats.stored;
  found["added"] = stats.added;
  found["episodes"] = stats.episodes;
  found["duplicate_share"] = stats.duplicates;
  if (stats.ages) {
    found["mean_age"] = stats.ages->mean;
    found["median_age"] = stats.ages->median;
    found["max_age"] = stats.ages->oldest;
  }
  if (stats.priorities) {
    found["priority_decades"] = stats.priorities->decades;
    found["zero_priorities"] = stats.priorities->zeros;
    found["effective_rows"] = stats.priorities->effective_rows;
  }
  return found;
}

py::tuple listing(const py::object& self) {
  ReplayBuffer& core = buffer_of(self).core;
  const Listing rows = [&] {
    const Released released;
    return core.listing();
  }();
  const auto count = static_cast<py::ssize_t>(rows.index.size());
  return py::make_tuple(py::array_t<std::int64_t>(count, rows.index.data()),
                        py::array_t<std::uint8_t>(count, rows.flags.data()));
}

}  // namespace sharpwave::bindings
