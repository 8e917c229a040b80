#include "sharpwave/table.hpp"

#include <algorithm>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::size_t kRecordAlignment = 8;
constexpr std::size_t kColdAlignment = 64;

std::size_t round_up(std::size_t value, std::size_t to) { return (value + to - 1) / to * to; }

// NumPy wants each value on a multiple of its own size (up to 8) to read columns in place.
std::size_t alignment(const Field& field) {
  const std::size_t item = field.is_stack() ? sizeof(std::uint32_t) : field.stored_itemsize();
  const std::size_t largest = std::min(item, kRecordAlignment);
  return largest & (~largest + 1);
}

struct RecordLayout {
  std::vector<std::size_t> offsets;  // per field; unused for cold ones
  std::size_t meta = 0;
  std::size_t bytes = 0;
};

RecordLayout lay_out(std::span<const Field> fields, Table::WithMeta with_meta) {
  RecordLayout layout;
  std::size_t end = 0;
  for (const Field& field : fields) {
    if (!Table::is_cold(field)) end = round_up(end, alignment(field));
    layout.offsets.push_back(end);
    if (!Table::is_cold(field)) end += field.table_bytes();
  }
  if (with_meta == Table::WithMeta::kYes) {
    layout.meta = round_up(end, alignof(Meta));
    end = layout.meta + sizeof(Meta);
  }
  layout.bytes = round_up(end, kRecordAlignment);
  return layout;
}

std::size_t cold_stride(const Field& field) {
  return field.is_alone ? field.table_bytes() : round_up(field.table_bytes(), kColdAlignment);
}

std::size_t times(std::size_t rows, std::size_t stride) {
  if (stride != 0 && rows > SIZE_MAX / 4 / stride) {
    throw OutOfMemory("needs " + std::to_string(rows) + " rows of " + std::to_string(stride) +
                      " bytes, more than any machine has; lower the capacity");
  }
  return rows * stride;
}

}  // namespace

bool Table::is_cold(const Field& field) {
  return field.is_alone || field.table_bytes() > kColdBytes;
}

std::size_t Table::bytes(std::span<const Field> fields, std::size_t rows, WithMeta meta) {
  std::size_t row_bytes = lay_out(fields, meta).bytes;
  for (const Field& field : fields) {
    if (is_cold(field)) row_bytes += cold_stride(field);
  }
  return times(rows, row_bytes);
}

Table::Table(std::span<const Field> fields, std::size_t rows, WithMeta meta) {
  const RecordLayout layout = lay_out(fields, meta);
  memory_.emplace_back(times(rows, layout.bytes));
  records_ = {memory_.back().data(), layout.bytes, layout.bytes};
  meta_offset_ = layout.meta;
  for (std::size_t f = 0; f < fields.size(); ++f) {
    const std::size_t bytes = fields[f].table_bytes();
    if (is_cold(fields[f])) {
      const std::size_t stride = cold_stride(fields[f]);
      memory_.emplace_back(times(rows, stride));
      columns_.push_back({memory_.back().data(), stride, bytes});
    } else {
      columns_.push_back({records_.data + layout.offsets[f], layout.bytes, bytes});
    }
  }
}

std::size_t Table::size_bytes() const {
  std::size_t total = 0;
  for (const Memory& memory : memory_) total += memory.size();
  return total;
}

void Table::list(Blocks& blocks) const {
  for (const Memory& memory : memory_) blocks.push_back(memory.bytes());
}

}  // namespace sharpwave
