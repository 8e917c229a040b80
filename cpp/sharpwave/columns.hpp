#pragma once
// Columns: rows of fields by place alone, for those who keep books of their own: no rings, no
// episodes, no successors.
//
// Threads: none; the owner locks. Ownership: owns its memory.
// Invariants: (1) column(f).row(i) is field f of row i for the table's whole life; (2) what take()
//             gives is, bit for bit, what lies there, decoded as the field says.
// Cost: the bytes moved, and one memory access a row that prefetching cannot hide.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/gather.hpp"
#include "sharpwave/schema.hpp"
#include "sharpwave/table.hpp"

namespace sharpwave {

class Columns {
 public:
  // Where each taken column lies in a block. Every one starts on a cache line.
  struct Layout {
    static constexpr std::size_t kSkipped = SIZE_MAX;

    [[nodiscard]] bool is_skipped(std::size_t field) const { return offsets[field] == kSkipped; }

    std::vector<std::size_t> offsets;
    std::size_t bytes = 0;
  };

  // THROWS InvalidValue for a stack of frames, OutOfMemory.
  Columns(std::vector<Field> fields, std::size_t rows);

  // Of the chosen fields. REQUIRES: is_chosen says so of each field.
  [[nodiscard]] Layout layout(std::size_t rows, const std::vector<bool>& is_chosen) const;
  // REQUIRES: every row below rows(); layout() of as many rows.
  void take(std::span<const std::int64_t> rows, const Layout& layout, std::byte* block) const;
  // Stores `count` values of one field, as they are stored, one in each row from `first` on.
  void put(std::size_t field, std::size_t first, std::size_t count, const std::byte* values);
  // Stores a value in each of these rows; of equal rows the last one counts.
  void scatter(std::size_t field, std::span<const std::int64_t> rows, const std::byte* values);

  [[nodiscard]] std::span<const Field> fields() const { return fields_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] const Column& column(std::size_t field) const { return table_.columns()[field]; }
  [[nodiscard]] std::size_t size_bytes() const { return table_.size_bytes(); }

 private:
  static constexpr std::size_t kTile = 32;

  using Rows = std::span<const std::int64_t>;

  void take_records(Rows rows, Rows next, std::size_t begin, const Layout& layout,
                    std::byte* block) const;
  void take_column(std::size_t field, Rows rows, std::byte* out) const;
  [[nodiscard]] bool is_hot(std::size_t field) const { return !Table::is_cold(fields_[field]); }

  // Immutable after construction.
  std::vector<Field> fields_;
  std::size_t rows_;
  Table table_;
  std::vector<FieldGather> gathers_;  // one a field
};

}  // namespace sharpwave
