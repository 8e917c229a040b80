#pragma once
// StepRing: n-step returns over rows by place, for those who keep books of their own.
//
// A ring of steps, the rows of one step's environments side by side: row = step * environments +
// environment, as libraries keep it whose arrays have the shape (steps, environments).
//
// Threads: none; the owner locks. Ownership: none.
// Invariant: a window ends at the first row that has an end, at the newest step, or after n_step
//            rows, whichever comes first (Sutton 1988; docs/guides/n-step.md).
// Cost: one memory access a row of a ring.

#include <cstdint>
#include <span>

#include "sharpwave/table.hpp"

namespace sharpwave {

struct StepRing {
  std::int64_t rows;          // of the whole ring
  std::int64_t environments;  // rows of a step
  std::int64_t newest;        // the step that was written last
  std::int64_t n_step;
  double gamma;
};

struct StepWindows {
  std::int64_t* last;  // the row in which the window ends
  float* reward;       // the sum of gamma^i r[t+i]
  float* discount;     // gamma^length
};

// REQUIRES: `reward` and `ends` are columns of one float32 a row; an end is what is not 0; every
// row below ring.rows; n_step positive.
void n_step_windows(const StepRing& ring, std::span<const std::int64_t> rows, const Column& reward,
                    std::span<const Column> ends, const StepWindows& out);

}  // namespace sharpwave
