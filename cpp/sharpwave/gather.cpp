#include "sharpwave/gather.hpp"

#include <cstring>

namespace sharpwave {
namespace {

using Rows = std::span<const std::uint64_t>;

bool is_hot(const Column& column) { return column.bytes <= Table::kColdBytes; }

std::size_t offset_in_record(const Table& table, std::size_t field) {
  return static_cast<std::size_t>(table.columns()[field].data - table.records().data);
}

// The row, and the obs at the head of the row behind it.
std::size_t touched_bytes(const Source& from) {
  std::size_t end = 0;
  for (std::size_t f = 0; f < from.obs_fields; ++f) {
    const Column& column = from.table.columns()[f];
    if (is_hot(column)) end = offset_in_record(from.table, f) + column.bytes;
  }
  return from.table.records().bytes + end;
}

}  // namespace

FieldGather gather_for(const Field& field) {
  return {kernels().gather_for(field), field.sampled_bytes(), field.decode.divisor};
}

Gather::Gather(const Source& from) : from_(from), touched_bytes_(touched_bytes(from)) {
  for (std::size_t f = 0; f < from.table.columns().size(); ++f) {
    const Column& column = from.table.columns()[f];
    const FieldGather gather = gather_for(from.fields[f]);
    if (is_hot(column)) {
      hot_.push_back({f, offset_in_record(from.table, f), gather});
    } else {
      cold_.push_back({f, 0, gather});
    }
  }
}

const std::byte* Gather::next_record(const std::byte* record, Meta meta) const {
  const std::size_t stride = from_.table.records().stride;
  if (meta.successor == Meta::kFirstRow) return record + stride - from_.ring_capacity * stride;
  return from_.side.record(meta.successor - Meta::kSide);
}

// Finds the records and their successors, and fills what is known of a row beside its fields.
void Gather::locate(Rows rows, std::size_t begin, const Target& to) {
  const Column records = from_.table.records();
  const std::size_t meta_offset = from_.table.meta_offset();
  auto* const terminated = reinterpret_cast<bool*>(to.block + to.layout.terminated) + begin;
  auto* const truncated = reinterpret_cast<bool*>(to.block + to.layout.truncated) + begin;
  auto* const discount = reinterpret_cast<float*>(to.block + to.layout.discount) + begin;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::byte* const record = records.row(rows[i]);
    Meta meta{};
    std::memcpy(&meta, record + meta_offset, sizeof(meta));
    const bool is_linked = meta.successor == Meta::kNextRow;
    terminated[i] = meta.terminated;
    truncated[i] = meta.truncated;
    discount[i] = meta.terminated ? 0.0F : from_.gamma;
    records_[i] = record;
    next_records_[i] = is_linked ? record + records.stride : next_record(record, meta);
  }
}

void Gather::copy_hot(Rows rows, std::size_t begin, const Target& to) {
  locate(rows, begin, to);
  for (const Path& path : hot_) {
    std::byte* const out = to.block + begin * path.gather.bytes;
    path.gather(out + to.layout.fields[path.field], records_.data(), path.offset, rows.size());
    if (path.field >= from_.obs_fields) continue;
    path.gather(out + to.layout.next_obs[path.field], next_records_.data(), path.offset,
                rows.size());
  }
}

const std::byte* Gather::cold_successor(std::size_t field, std::uint64_t row) const {
  const Column& column = from_.table.columns()[field];
  const Meta& meta = from_.table.meta(row);
  if (meta.successor == Meta::kNextRow) return column.row(row + 1);
  if (meta.successor == Meta::kFirstRow) return column.row(row + 1 - from_.ring_capacity);
  return from_.side.at(field, meta.successor - Meta::kSide);
}

void Gather::copy_cold(Rows rows, const Target& to) {
  pointers_.resize(rows.size());
  for (const Path& path : cold_) {
    const Column& column = from_.table.columns()[path.field];
    for (std::size_t i = 0; i < rows.size(); ++i) pointers_[i] = column.row(rows[i]);
    path.gather(to.block + to.layout.fields[path.field], pointers_.data(), 0, rows.size());
    if (path.field >= from_.obs_fields) continue;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      pointers_[i] = cold_successor(path.field, rows[i]);
    }
    path.gather(to.block + to.layout.next_obs[path.field], pointers_.data(), 0, rows.size());
  }
}

}  // namespace sharpwave
