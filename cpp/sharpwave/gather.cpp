#include "sharpwave/gather.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "sharpwave/kernels/cpu.hpp"

namespace sharpwave {
namespace {

using Rows = std::span<const std::uint64_t>;

// Hot columns are copied in tiles that stay in the first-level cache, while the records of the next
// tile are on their way.
constexpr std::size_t kTile = 32;
constexpr std::size_t kLine = 64;

bool is_hot(const Column& column) { return column.bytes <= Table::kColdBytes; }

Rows part(Rows rows, std::size_t begin, std::size_t count) {
  begin = std::min(begin, rows.size());
  return rows.subspan(begin, std::min(count, rows.size() - begin));
}

// What a sample touches of the records: the row, and the obs at the head of the row behind it.
std::size_t touched_bytes(const Table& table, std::size_t obs_fields) {
  std::size_t end = 0;
  for (const Column& column : table.columns().first(obs_fields)) {
    if (!is_hot(column)) continue;
    end = static_cast<std::size_t>(column.data - table.records().data) + column.bytes;
  }
  return table.records().bytes + end;
}

// As many prefetches for every row, wherever it begins: a count that depended on the row's place
// would be a branch that no predictor learns.
void prefetch_records(const Column& records, std::size_t bytes, Rows rows) {
  for (const std::uint64_t row : rows) {
    const std::byte* const begin = records.row(row);
    for (std::size_t at = 0; at < bytes; at += kLine) prefetch(begin + at);
    prefetch(begin + bytes - 1);
  }
}

void copy_column(const Column& column, Rows rows, std::byte* out, std::size_t begin) {
  kernels().gather(out + begin * column.bytes, column.data, column.stride, column.bytes,
                   rows.data(), rows.size());
}

}  // namespace

void Gather::read_meta(const Source& from, Rows rows, std::size_t begin, const Target& to) {
  auto* const terminated = reinterpret_cast<bool*>(to.block + to.layout.terminated) + begin;
  auto* const truncated = reinterpret_cast<bool*>(to.block + to.layout.truncated) + begin;
  auto* const discount = reinterpret_cast<float*>(to.block + to.layout.discount) + begin;
  const std::array discounts = {from.gamma, 0.0F};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Meta meta = from.table.meta(rows[i]);
    terminated[i] = meta.terminated;
    truncated[i] = meta.truncated;
    discount[i] = discounts.at(static_cast<std::size_t>(meta.terminated));
    next_rows_[begin + i] = rows[i] + 1;
    if (meta.successor == Meta::kNextRow) continue;
    next_rows_[begin + i] = rows[i];
    if (meta.successor == Meta::kFirstRow) {
      next_rows_[begin + i] = rows[i] + 1 - from.ring_capacity;
    } else {
      from_side_.push_back({begin + i, meta.successor - Meta::kSide});
    }
  }
}

void Gather::copy_hot(const Source& from, Rows rows, std::size_t begin, const Target& to) {
  const std::span<const Column> columns = from.table.columns();
  const std::size_t obs_fields = to.layout.next_obs.size();
  const Rows next_rows = part(next_rows_, begin, rows.size());
  for (std::size_t f = 0; f < columns.size(); ++f) {
    if (!is_hot(columns[f])) continue;
    copy_column(columns[f], rows, to.block + to.layout.fields[f], begin);
    if (f >= obs_fields) continue;
    copy_column(columns[f], next_rows, to.block + to.layout.next_obs[f], begin);
  }
}

void Gather::copy_cold(const Source& from, Rows rows, const Target& to) {
  const std::span<const Column> columns = from.table.columns();
  const std::size_t obs_fields = to.layout.next_obs.size();
  for (std::size_t f = 0; f < columns.size(); ++f) {
    if (is_hot(columns[f])) continue;
    copy_column(columns[f], rows, to.block + to.layout.fields[f], 0);
    if (f >= obs_fields) continue;
    copy_column(columns[f], next_rows_, to.block + to.layout.next_obs[f], 0);
  }
}

void Gather::copy_side(const Source& from, const Target& to) {
  for (const FromSide& one : from_side_) {
    for (std::size_t f = 0; f < to.layout.next_obs.size(); ++f) {
      const std::size_t bytes = from.table.columns()[f].bytes;
      std::byte* const out = to.block + to.layout.next_obs[f] + one.at * bytes;
      std::memcpy(out, from.side.at(f, one.row), bytes);
    }
  }
}

void Gather::operator()(const Source& from, Rows rows, const Target& to) {
  const Column& records = from.table.records();
  const std::size_t bytes = touched_bytes(from.table, to.layout.next_obs.size());
  next_rows_.resize(rows.size());
  from_side_.clear();
  prefetch_records(records, bytes, part(rows, 0, kTile));
  for (std::size_t begin = 0; begin < rows.size(); begin += kTile) {
    prefetch_records(records, bytes, part(rows, begin + kTile, kTile));
    const Rows tile = part(rows, begin, kTile);
    read_meta(from, tile, begin, to);
    copy_hot(from, tile, begin, to);
  }
  copy_cold(from, rows, to);
  copy_side(from, to);
}

}  // namespace sharpwave
