#pragma once
// Rows to columns: copies drawn transitions and their successors into a block.
//
// Threads: none; the owner locks. Cost: the bytes moved, and one memory access a row that
// prefetching cannot hide.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/successor.hpp"
#include "sharpwave/table.hpp"

namespace sharpwave {

// Where the rows of a batch come from.
struct Source {
  const Table& table;
  const SideRows& side;
  std::size_t ring_capacity;
  float gamma;
};

// Where they go.
struct Target {
  const BatchLayout& layout;
  std::byte* block;
};

class Gather {
 public:
  // Fills every column of the block but index. REQUIRES: rows.size() == layout.rows.
  void operator()(const Source& from, std::span<const std::uint64_t> rows, const Target& to);

 private:
  struct FromSide {
    std::size_t at;
    std::uint32_t row;
  };

  void read_meta(const Source& from, std::span<const std::uint64_t> rows, std::size_t begin,
                 const Target& to);

  void copy_hot(const Source& from, std::span<const std::uint64_t> rows, std::size_t begin,
                const Target& to);
  void copy_cold(const Source& from, std::span<const std::uint64_t> rows, const Target& to);
  void copy_side(const Source& from, const Target& to);

  // Scratch, kept so that a call seldom allocates.
  std::vector<std::uint64_t> next_rows_;
  std::vector<FromSide> from_side_;
};

}  // namespace sharpwave
