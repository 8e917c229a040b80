#pragma once
// What a sampler is: a small class that says which stored rows make a batch.
//
// It is told of every row that is stored (added) and when all are forgotten (clear); a row that
// overwrites another is told of like any other. It draws places, from the owner's generator, and
// calls seen(place) as soon as each is known: whoever starts to fetch the row there has the next
// draw for nothing (docs/decisions/0003). Never a row that is not stored. Samplers with priorities
// also take updates and give importance weights. None of them locks: the owner does.
//
// Threads: none; the owner locks.

#include <cstdint>
#include <span>

namespace sharpwave {

// The rows of a batch, by place (environment * capacity + slot) and by name
// (time * environments + environment).
struct Drawn {
  std::span<std::uint64_t> rows;
  std::span<std::int64_t> index;
};

}  // namespace sharpwave
