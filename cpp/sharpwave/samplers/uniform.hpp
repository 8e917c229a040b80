#pragma once
// Uniform sampling: every stored row, equally, with replacement.
//
// Threads: none; the owner locks.
// Cost: one draw a row, and one division where there are several environments.

#include <cstdint>
#include <span>

#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"

namespace sharpwave {

// The rows of a batch, by place (environment * capacity + slot) and by name
// (time * environments + environment).
struct Drawn {
  std::span<std::uint64_t> rows;
  std::span<std::int64_t> index;
};

// REQUIRES: all rings have one capacity, at least one row is stored, out's spans are as long.
void draw_uniform(Rng& rng, std::span<const Ring> rings, Drawn out);

}  // namespace sharpwave
