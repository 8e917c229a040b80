#include "sharpwave/columns.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::size_t kLine = 64;

std::vector<Field> without_stacks(std::vector<Field> fields) {
  for (const Field& field : fields) {
    if (field.is_stack()) {
      throw InvalidValue(field.name +
                         ": a table of columns stores stacks whole; leave frames at 0");
    }
  }
  return fields;
}

}  // namespace

Columns::Columns(std::vector<Field> fields, std::size_t rows)
    : fields_(without_stacks(std::move(fields))),
      rows_(rows),
      table_(fields_, rows, Table::WithMeta::kNo) {
  for (const Field& field : fields_) gathers_.push_back(gather_for(field));
}

Columns::Layout Columns::layout(std::size_t rows, const std::vector<bool>& is_chosen) const {
  Layout layout;
  for (std::size_t f = 0; f < fields_.size(); ++f) {
    layout.offsets.push_back(is_chosen[f] ? layout.bytes : Layout::kSkipped);
    if (!is_chosen[f]) continue;
    layout.bytes += (rows * fields_[f].sampled_bytes() + kLine - 1) / kLine * kLine;
  }
  return layout;
}

// Copies the records of a tile while those of the next are on their way. The loops that fetch stand
// here, where something is written: a function that only fetches has no effect that a compiler
// sees, and GCC drops the call. A count of lines that depended on where a row begins would be a
// branch that no predictor learns.
void Columns::take_records(Rows rows, Rows next, std::size_t begin, const Layout& layout,
                           std::byte* block) const {
  const Column& records = table_.records();
  std::array<const std::byte*, kTile> from{};
  for (const std::int64_t row : next) {
    const std::byte* const record = records.row(static_cast<std::size_t>(row));
    for (std::size_t at = 0; at < records.bytes; at += kLine) prefetch(record + at);
    prefetch(record + records.bytes - 1);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    from[i] = records.row(static_cast<std::size_t>(rows[i]));
  }
  for (std::size_t f = 0; f < fields_.size(); ++f) {
    if (!is_hot(f) || layout.is_skipped(f)) continue;
    std::byte* const out = block + layout.offsets[f] + begin * gathers_[f].bytes;
    gathers_[f](out, from.data(), table_.offset(f), rows.size());
  }
}

void Columns::take_column(std::size_t field, Rows rows, std::byte* out) const {
  const Column& from = column(field);
  std::array<const std::byte*, kTile> values{};
  for (std::size_t begin = 0; begin < rows.size(); begin += kTile) {
    const std::size_t count = std::min(kTile, rows.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = from.row(static_cast<std::size_t>(rows[begin + i]));
      prefetch(values[i]);
    }
    gathers_[field](out + begin * gathers_[field].bytes, values.data(), 0, count);
  }
}

void Columns::take(Rows rows, const Layout& layout, std::byte* block) const {
  const auto tile = [rows](std::size_t begin) {
    const std::size_t first = std::min(begin, rows.size());
    return rows.subspan(first, std::min(kTile, rows.size() - first));
  };
  if (table_.records().bytes != 0) {
    take_records({}, tile(0), 0, layout, block);
    for (std::size_t begin = 0; begin < rows.size(); begin += kTile) {
      take_records(tile(begin), tile(begin + kTile), begin, layout, block);
    }
  }
  for (std::size_t f = 0; f < fields_.size(); ++f) {
    if (!is_hot(f) && !layout.is_skipped(f)) take_column(f, rows, block + layout.offsets[f]);
  }
}

// NOLINTNEXTLINE(readability-make-member-function-const): rows change
void Columns::put(std::size_t field, std::size_t first, std::size_t count,
                  const std::byte* values) {
  const Column& to = column(field);
  if (to.stride == to.bytes) {
    std::memcpy(to.row(first), values, count * to.bytes);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(to.row(first + i), values + i * to.bytes, to.bytes);
  }
}

// NOLINTNEXTLINE(readability-make-member-function-const): rows change
void Columns::scatter(std::size_t field, Rows rows, const std::byte* values) {
  const Column& to = column(field);
  for (const std::int64_t row : rows) {
    std::memcpy(to.row(static_cast<std::size_t>(row)), values, to.bytes);
    values += to.bytes;
  }
}

}  // namespace sharpwave
