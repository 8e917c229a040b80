#pragma once
// Gather: rows to columns. Copies drawn transitions and their successors into a block, hot fields a
// tile at a time, so that the records of one tile are on their way while those of the tile before
// are copied.
//
// Threads: none; the owner locks. Ownership: refers to the owner's transitions.
// Cost: the bytes moved, and one memory access a row that prefetching cannot hide.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/kernels/cpu.hpp"
#include "sharpwave/n_step.hpp"
#include "sharpwave/transitions.hpp"

namespace sharpwave {

// Where the rows go.
struct Target {
  const BatchLayout& layout;
  std::byte* block;

  template <typename Value>
  [[nodiscard]] Value* column(std::size_t offset) const {
    return reinterpret_cast<Value*>(block + offset);
  }

  // A batch that a cache of a few MiB does not hold goes past it (docs/decisions/0012).
  [[nodiscard]] Store store() const {
    constexpr std::size_t kLargestCached = std::size_t{8} << 20;
    return layout.bytes > kLargestCached ? Store::kStreamed : Store::kCached;
  }
};

// A field's values on their way to a column: copied, or decoded in the same pass.
struct FieldGather {
  GatherKernel kernel;
  GatherKernel streamed;  // past the caches
  std::size_t bytes;      // of a row's value in the column
  float divisor;

  void operator()(std::byte* out, const std::byte* const* rows, std::size_t offset,
                  std::size_t count, Store store = Store::kCached) const {
    const GatherKernel chosen = store == Store::kStreamed ? streamed : kernel;
    chosen(out, rows, offset, bytes, count, divisor);
  }
};

FieldGather gather_for(const Field& field);

class Gather {
 public:
  // In place of a row: zeros.
  static constexpr std::uint64_t kPadding = UINT64_MAX;

  // Rows that are copied at a time at most, and how far ahead of them rows are prefetched. A small
  // batch has little to hide its last tile behind, so its tiles are small.
  static constexpr std::size_t kTile = 32;
  static constexpr std::size_t kAhead = 32;
  static std::size_t tile_for(std::size_t rows) { return rows <= 64 ? kTile / 2 : kTile; }

  Gather(const Schema& schema, const Transitions& from, const NStep& n_step);

  // Calls use(prefetch), where prefetch(row) starts to bring a row's record into the cache, and
  // those of its window. The number of lines is known to the compiler up to a few: `use` is a loop
  // that should not have one.
  template <typename Use>
  void with_prefetch(Use use) const {
    const Column& records = from_.table().records();
    const std::size_t last = touched_bytes() - 1;
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

  // Fills the hot fields, stacks and flags of the block's rows from `begin` on. REQUIRES: at most
  // kTile rows; padding only where the layout has a mask.
  void copy_hot(std::span<const std::uint64_t> rows, std::size_t begin, const Target& to);

  // Fills the large fields of the whole block. REQUIRES: copy_hot() has filled the rest.
  void copy_cold(std::span<const std::uint64_t> rows, const Target& to);

  // One value, as batches have it: obs field `field` of the true successor of `row`.
  // REQUIRES: no stack.
  void copy_successor(std::size_t field, std::uint64_t row, std::byte* out) const;
  // Bytes of a field's value in a batch.
  [[nodiscard]] std::size_t value_bytes(std::size_t field) const;

 private:
  static constexpr std::size_t kLine = 64;
  // A longer window is fetched by the hardware: its records are neighbours.
  static constexpr std::size_t kMostLines = 16;

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

  // A field's way from rows to a column.
  struct Path {
    std::size_t field;
    std::size_t offset;    // in the record, of a hot field or of a stack's references
    FieldGather gather;    // of values, or of a stack's frames
    const Frames* frames;  // of a stack
  };

  [[nodiscard]] std::size_t touched_bytes() const;
  [[nodiscard]] const std::byte* successor(std::size_t field, std::uint64_t row) const;
  void locate(std::span<const std::uint64_t> rows, std::size_t begin, const Target& to);
  void locate_windows(std::span<const std::uint64_t> rows, std::size_t begin, const Target& to);
  void copy_stacks(const Path& path, std::size_t count, std::size_t begin, const Target& to);
  // Writes where the frames of a record's stack lie, and returns the place behind.
  const std::byte** locate_frames(const Path& path, const std::byte* record,
                                  const std::byte** out) const;
  static void prefetch_heads(const Path& path, std::span<const std::byte* const> frames);
  [[nodiscard]] const std::byte* next_record(const std::byte* record, Meta meta) const;

  // Immutable after construction.
  const Schema& schema_;
  const Transitions& from_;
  const NStep& n_step_;
  std::size_t obs_fields_;
  std::size_t reward_;
  std::size_t obs_bytes_ = 0;  // of a record, up to the end of its last obs field
  std::vector<Path> hot_;
  std::vector<Path> stacks_;
  std::vector<Path> cold_;
  std::vector<std::byte> zeros_;  // as long as the longest record, large field and frame

  // Scratch.
  Pointers records_{};
  Pointers next_records_{};
  std::array<float, kTile> rewards_{};
  std::vector<const std::byte*> frames_;  // of a tile's stacks: a row's, its successor's, and so on
  std::vector<std::uint64_t> lasts_;      // the last row of each window, where that is not the row
};

}  // namespace sharpwave
