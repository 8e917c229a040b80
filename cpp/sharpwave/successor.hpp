#pragma once
// SideRows: observations that no stored row begins with.
//
// A transition's successor is nearly always the next row's obs and is then stored only there.
// What is left (the newest row's successor, final observations, breaks in the stream) lies here.
//
// Threads: none; the owner locks. Ownership: owns its chunks; they are kept for reuse.
// Invariants: (1) a row stays at its address until released; (2) acquire() after reserve()
//             cannot fail.
// Cost: acquire, release and access are a few instructions; memory grows by a chunk at a time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/table.hpp"

namespace sharpwave {

class SideRows {
 public:
  explicit SideRows(std::span<const Field> obs);

  // Makes room for `rows` more. THROWS OutOfMemory, and then nothing has changed.
  void reserve(std::size_t rows);
  // REQUIRES: room from reserve().
  [[nodiscard]] std::uint32_t acquire();
  void release(std::uint32_t row) { free_.push_back(row); }
  void release_all();

  [[nodiscard]] std::byte* at(std::size_t field, std::uint32_t row) const {
    return chunks_[row >> chunk_shift_].columns()[field].row(row & (chunk_rows() - 1));
  }
  // The record with the hot fields of a row, at the same offsets as in the transitions' records.
  [[nodiscard]] const std::byte* record(std::uint32_t row) const {
    return chunks_[row >> chunk_shift_].records().row(row & (chunk_rows() - 1));
  }
  [[nodiscard]] std::size_t in_use() const { return chunks_.size() * chunk_rows() - free_.size(); }
  [[nodiscard]] std::size_t size_bytes() const;
  // Appends where its memory lies.
  void list(Blocks& blocks) const;

 private:
  [[nodiscard]] std::size_t chunk_rows() const { return std::size_t{1} << chunk_shift_; }

  std::span<const Field> obs_;  // the schema's, immutable
  unsigned chunk_shift_;        // immutable
  std::vector<Table> chunks_;
  std::vector<std::uint32_t> free_;
};

}  // namespace sharpwave
