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
