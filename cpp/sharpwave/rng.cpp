#include "sharpwave/rng.hpp"

namespace sharpwave {
namespace {

std::uint64_t split_mix(std::uint64_t& x) {
  x += 0x9E3779B97F4A7C15U;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(std::uint64_t seed, std::uint64_t stream) : state_{} {
  // Hashing the stream before adding it keeps (seed, stream) and (seed + 1, stream - 1) apart.
  std::uint64_t x = seed + (stream == 0 ? 0 : split_mix(stream));
  for (auto& word : state_) word = split_mix(x);
}

void Rng::fill_below(std::uint64_t bound, std::span<std::uint64_t> out) {
  if (bound > UINT32_MAX) {
    for (std::uint64_t& drawn : out) drawn = below64(bound);
    return;
  }
  Rng local = *this;  // a copy that nothing else can point to stays in registers
  for (std::uint64_t& drawn : out) {
    std::uint64_t product = (local.next() >> 32) * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint64_t rejected = (std::uint64_t{1} << 32) % bound;
      while (static_cast<std::uint32_t>(product) < rejected) product = (local.next() >> 32) * bound;
    }
    drawn = product >> 32;
  }
  *this = local;
}

// Rejection from the next power of two: portable, and bounds past 2^32 rows are rare.
std::uint64_t Rng::below64(std::uint64_t bound) {
  std::uint64_t mask = bound - 1;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  for (;;) {
    const std::uint64_t candidate = next() & mask;
    if (candidate < bound) return candidate;
  }
}

}  // namespace sharpwave
