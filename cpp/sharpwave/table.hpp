#pragma once
// Table: rows of fields in memory. Small fields of a row lie together in one record, so that one
// or two cache lines hold a whole transition; a field of more than kColdBytes, or that asks for it,
// has a column alone.
//
// Threads: none; the owner locks. Ownership: owns its memory.
// Invariants: (1) column(f).row(i) is field f of row i for the table's whole life;
//             (2) obs fields come first in a record and Meta last.
// Cost: access is one multiplication.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/memory.hpp"
#include "sharpwave/schema.hpp"

namespace sharpwave {

struct Column {
  std::byte* data;
  std::size_t stride;  // from row to row
  std::size_t bytes;   // of one row's value

  [[nodiscard]] std::byte* row(std::size_t i) const { return data + i * stride; }
};

// What is known of a stored row beside its fields.
struct Meta {
  // Where the successor lies: the obs of the row behind, the obs of the ring's first row, or side
  // row `successor - kSide`.
  static constexpr std::uint32_t kNextRow = 0;
  static constexpr std::uint32_t kFirstRow = 1;
  static constexpr std::uint32_t kSide = 2;

  // The stream was cut behind this row; it is its environment's newest; it lies in the ring's last
  // slot.
  static constexpr std::uint8_t kCut = 1;
  static constexpr std::uint8_t kNewest = 2;
  static constexpr std::uint8_t kLastSlot = 4;

  bool terminated;
  bool truncated;
  std::uint8_t flags;
  std::uint32_t successor;

  [[nodiscard]] bool is_cut() const { return (flags & kCut) != 0; }
  // Whether an episode ends here, so that the row behind is the first of another.
  [[nodiscard]] bool ends_episode() const { return terminated || truncated || is_cut(); }
  // Whether no window goes past this row.
  [[nodiscard]] bool ends_window() const {
    return terminated || truncated || (flags & (kCut | kNewest)) != 0;
  }
};

class Table {
 public:
  static constexpr std::size_t kColdBytes = 256;

  enum class WithMeta : bool { kNo, kYes };

  // Whether a field has a column alone.
  static bool is_cold(const Field& field);

  // Bytes that a table of `rows` rows takes. THROWS OutOfMemory past what a size_t can say.
  static std::size_t bytes(std::span<const Field> fields, std::size_t rows, WithMeta meta);

  // THROWS OutOfMemory.
  Table(std::span<const Field> fields, std::size_t rows, WithMeta meta);

  [[nodiscard]] std::span<const Column> columns() const { return columns_; }
  // The records: every hot field, then Meta. `bytes` is the record's size.
  [[nodiscard]] const Column& records() const { return records_; }
  // REQUIRES: WithMeta::kYes.
  [[nodiscard]] Meta& meta(std::size_t row) const {
    return *reinterpret_cast<Meta*>(records_.row(row) + meta_offset_);
  }
  [[nodiscard]] std::size_t meta_offset() const { return meta_offset_; }
  // Where a hot field lies in the records.
  [[nodiscard]] std::size_t offset(std::size_t field) const {
    return static_cast<std::size_t>(columns_[field].data - records_.data);
  }
  // Where every row's Meta lies. REQUIRES: WithMeta::kYes.
  [[nodiscard]] Column metas() const {
    return {records_.data + meta_offset_, records_.stride, sizeof(Meta)};
  }
  [[nodiscard]] std::size_t size_bytes() const;
  // Appends where its memory lies.
  void list(Blocks& blocks) const;

 private:
  std::vector<Memory> memory_;
  std::vector<Column> columns_;
  Column records_{};
  std::size_t meta_offset_ = 0;
};

}  // namespace sharpwave
