#pragma once
// The one generator: xoshiro256++ (Blackman & Vigna 2021), seeded through SplitMix64.
//
// Threads: none; the owner locks.
// Invariants: (1) one (seed, stream) gives one sequence on every platform: integers only;
//             (2) state() and a later Rng(state) continue the sequence exactly.
// Cost: about 1 ns a draw.

#include <array>
#include <cstdint>

namespace sharpwave {

class Rng {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);
  explicit Rng(const State& state) : state_(state) {}

  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  // An unbiased integer in [0, bound) (Lemire 2019, "Fast random integer generation in an
  // interval"). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    return bound <= UINT32_MAX ? below32(bound) : below64(bound);
  }

  [[nodiscard]] const State& state() const { return state_; }

 private:
  static std::uint64_t rotate(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

  std::uint64_t below32(std::uint64_t bound) {
    std::uint64_t product = (next() >> 32) * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint64_t rejected = (std::uint64_t{1} << 32) % bound;
      while (static_cast<std::uint32_t>(product) < rejected) product = (next() >> 32) * bound;
    }
    return product >> 32;
  }

  std::uint64_t below64(std::uint64_t bound);

  State state_;
};

}  // namespace sharpwave
