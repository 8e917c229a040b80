#pragma once
// Stats: what a buffer's memory is spent on, and what a batch drawn now would be made of.
//
// Nothing is counted while batches are drawn: what a sampler would draw follows from its state, so
// it is computed, exactly and without a draw, when somebody asks.
//
// Threads: none; the owner locks.
// Cost: two passes over the rows, and in a reservoir a sort; 4 bytes a row under priorities.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sharpwave/memory.hpp"
#include "sharpwave/samplers/any_sampler.hpp"
#include "sharpwave/schema.hpp"
#include "sharpwave/transitions.hpp"

namespace sharpwave {

// What bytes are spent on: a field, or what a buffer keeps beside its fields, under names that no
// field can have.
struct Expense {
  std::string name;
  std::size_t bytes;
};

// How many rows a drawn row's environment has added since, 0 for its newest one.
struct Ages {
  double mean;
  std::int64_t median;  // the smallest age that at least half of the draws do not exceed
  std::int64_t oldest;
};

struct PriorityStats {
  std::map<int, std::size_t> decades;  // how many rows have 10^k <= priority < 10^(k + 1), by k
  std::size_t zeros;                   // rows that are never drawn
  double effective_rows;               // (sum p)^2 / sum p^2; 0 where all are 0
};

struct Stats {
  std::vector<Expense> expenses;
  Blocks blocks;
  std::size_t capacity;
  std::size_t stored;
  std::int64_t added;                       // since the buffer was made
  std::optional<std::size_t> episodes;      // of which a row is stored; nothing in a reservoir
  std::optional<Ages> ages;                 // nothing where no row can be drawn
  std::optional<PriorityStats> priorities;  // with a prioritized sampler
  // The expected share of a batch's rows that are in it already; nothing before the first batch.
  std::optional<double> duplicates;
};

// `batch_size` is that of the last batch, 0 where there was none.
Stats stats_of(const Schema& schema, const Transitions& transitions, AnySampler& sampler,
               std::size_t batch_size);

// What the sampler's own memory takes.
std::size_t sampler_bytes(const AnySampler& sampler);

}  // namespace sharpwave
