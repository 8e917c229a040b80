#pragma once
// Gather: rows to columns. Copies drawn transitions and their successors into a block, hot fields a
// tile at a time, so that the records of one tile are on their way while those of the tile before
// are copied.
//
// Threads: none; the owner locks. Ownership: refers to the owner's table and side rows.
// Cost: the bytes moved, and one memory access a row that prefetching cannot hide.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/kernels/cpu.hpp"
#include "sharpwave/successor.hpp"
#include "sharpwave/table.hpp"

namespace sharpwave {

// Where the rows come from.
struct Source {
  const Table& table;
  const SideRows& side;
  std::span<const Field> fields;
  std::size_t obs_fields;
  std::size_t ring_capacity;
  float gamma;
};

// Where they go.
struct Target {
  const BatchLayout& layout;
  std::byte* block;
};

// A field's values on their way to a column: copied, or decoded in the same pass.
struct FieldGather {
  GatherKernel kernel;
  std::size_t bytes;  // of a row's value in the column
  float divisor;

  void operator()(std::byte* out, const std::byte* const* rows, std::size_t offset,
                  std::size_t count) const {
    kernel(out, rows, offset, bytes, count, divisor);
  }
};

FieldGather gather_for(const Field& field);

class Gather {
 public:
  // Rows that are copied at a time at most, and how far ahead of them rows are prefetched. A small
  // batch has little to hide its last tile behind, so its tiles are small.
  static constexpr std::size_t kTile = 32;
  static constexpr std::size_t kAhead = 32;
  static std::size_t tile_for(std::size_t rows) { return rows <= 64 ? kTile / 2 : kTile; }

  explicit Gather(const Source& from);

  // Calls use(prefetch), where prefetch(row) starts to bring a row's record into the cache. The
  // number of lines is known to the compiler up to a few: `use` is a loop that should not have one.
  template <typename Use>
  void with_prefetch(Use use) const {
    const Column& records = from_.table.records();
    const std::size_t last = touched_bytes_ - 1;
    const std::size_t lines = last / kLine + 1;
    switch (lines) {
      case 1:
        return use(Prefetch<1>{records, last, lines});
      case 2:
        return use(Prefetch<2>{records, last, lines});
      case 3:
        return use(Prefetch<3>{records, last, lines});
      case 4:
        return use(Prefetch<4>{records, last, lines});
      default:
        return use(Prefetch<0>{records, last, lines});
    }
  }

  // Fills the hot fields and flags of the block's rows from `begin` on. REQUIRES: at most kTile
  // rows.
  void copy_hot(std::span<const std::uint64_t> rows, std::size_t begin, const Target& to);

  // Fills the large fields of the whole block. REQUIRES: rows.size() == layout.rows.
  void copy_cold(std::span<const std::uint64_t> rows, const Target& to);

 private:
  static constexpr std::size_t kLine = 64;

  // As many prefetches for every row, wherever it begins: a count that depended on the row's place
  // would be a branch that no predictor learns. `kLines` as the compiler knows it, or 0.
  template <std::size_t kLines>
  struct Prefetch {
    Column records;
    std::size_t last;  // offset of the last byte wanted
    std::size_t lines;

    void operator()(std::uint64_t row) const {
      const std::byte* const begin = records.row(row);
      const std::size_t count = kLines == 0 ? lines : kLines;
      for (std::size_t i = 0; i < count; ++i) prefetch(begin + i * kLine);
      prefetch(begin + last);
    }
  };

  using Pointers = std::array<const std::byte*, kTile>;

  // A field's way from records to a column.
  struct Path {
    std::size_t field;
    std::size_t offset;  // in the record
    FieldGather gather;
  };

  void locate(std::span<const std::uint64_t> rows, std::size_t begin, const Target& to);
  [[nodiscard]] const std::byte* next_record(const std::byte* record, Meta meta) const;
  [[nodiscard]] const std::byte* cold_successor(std::size_t field, std::uint64_t row) const;

  // Immutable after construction.
  Source from_;
  std::size_t touched_bytes_;  // of the records, for one row and its successor
  std::vector<Path> hot_;
  std::vector<Path> cold_;

  // Scratch.
  Pointers records_{};
  Pointers next_records_{};
  std::vector<const std::byte*> pointers_;
};

}  // namespace sharpwave
