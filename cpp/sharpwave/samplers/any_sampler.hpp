#pragma once
// AnySampler: one of the samplers, as a buffer's options name it.
//
// Threads: none; the owner locks.

#include <cstddef>
#include <cstdint>
#include <variant>

#include "sharpwave/samplers/recency.hpp"
#include "sharpwave/samplers/without_replacement.hpp"

namespace sharpwave {

// Uniform has no state beside the generator: it is made anew for each batch.
struct UniformChoice {};

struct SamplerOptions {
  enum class Kind { kUniform, kPrioritized, kRankPrioritized, kWithoutReplacement, kRecency };

  Kind kind = Kind::kUniform;
  double alpha = 0.6;                 // of the prioritized ones
  double eps = 1e-6;                  // of kPrioritized
  bool normalize_by_buffer = false;   // of kPrioritized
  double eta = 0.9;                   // of the prioritized ones: R2D2's mix; of kRecency
  std::uint64_t min_rows = 1;         // of kRecency
  std::uint64_t updates = 1;          // of kRecency
};

// How one batch is to be drawn: what may be changed between two batches.
struct Draws {
  double beta = 0.0;  // of the prioritized ones
};

using AnySampler = std::variant<UniformChoice, WithoutReplacement, Recency>;

// For places 0 to places - 1. THROWS InvalidValue, OutOfMemory.
AnySampler make_sampler(const SamplerOptions& options, std::size_t places);

}  // namespace sharpwave
