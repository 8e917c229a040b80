#pragma once
// A batch in columns: a row for each number of an observation, a column for each observation.
//
// Threads: all; pure functions.

#include <cstddef>

namespace sharpwave {

// How far apart rows of so many floats are laid: whole lines of the cache, and an odd number of
// them. Rows that lie a power of two apart would share a few sets of the cache.
std::size_t stride_of(std::size_t floats);

// out (columns, rows) = in (rows, columns); what comes before each is how far its rows are apart.
void transpose(const float* in, std::size_t in_row, std::size_t rows, std::size_t columns,
               float* out, std::size_t out_row);

}  // namespace sharpwave
