#pragma once
// AnySampler: one of the samplers, as a buffer's options name it.
//
// Threads: none; the owner locks.

#include <cstddef>
#include <cstdint>
#include <variant>

#include "sharpwave/samplers/prioritized.hpp"
#include "sharpwave/samplers/rank_prioritized.hpp"
#include "sharpwave/samplers/recency.hpp"
#include "sharpwave/samplers/without_replacement.hpp"

namespace sharpwave {

// Uniform has no state beside the generator: it is made anew for each batch.
struct UniformChoice {};

struct SamplerOptions {
  enum class Kind { kUniform, kPrioritized, kRankPrioritized, kWithoutReplacement, kRecency };

  Kind kind = Kind::kUniform;
  Prioritized::Options prioritized = {};
  RankPrioritized::Options rank_prioritized = {};
  double eta = 0.9;            // of those with priorities, R2D2's mix; of kRecency
  std::uint64_t min_rows = 1;  // of kRecency
  std::uint64_t updates = 1;   // of kRecency

  [[nodiscard]] bool has_priorities() const {
    return kind == Kind::kPrioritized || kind == Kind::kRankPrioritized;
  }
};

// How one batch is to be drawn: what may be changed between two batches.
struct Draws {
  float beta = 0.0F;  // of those with priorities
};

using AnySampler =
    std::variant<UniformChoice, WithoutReplacement, Recency, Prioritized, RankPrioritized>;

// For so many rings of this capacity. THROWS InvalidValue, OutOfMemory.
AnySampler make_sampler(const SamplerOptions& options, std::size_t environments,
                        std::size_t ring_capacity);

}  // namespace sharpwave
