#pragma once
// ReplayBuffer: composes the rooms above it. The lock and the protocol live here and nowhere below.
//
// Threads: every public method may be called from any thread at once.
// Invariants: (1) the stored rows of an environment are its last min(count, capacity) transitions,
//             bit for bit; (2) a method that throws has changed nothing.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/gather.hpp"
#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/schema.hpp"
#include "sharpwave/successor.hpp"
#include "sharpwave/table.hpp"

namespace sharpwave {

struct Options {
  std::size_t capacity;  // transitions in all; each environment has capacity / environments
  std::size_t environments = 1;
  float gamma = 0.99F;
  // The row that follows an end is the environment's reset and no transition (Gymnasium's
  // "next_step" autoreset).
  bool skip_resets = false;
  std::uint64_t seed = 0;
};

// Steps of some environments, in order: `steps` times one row for each of `environments`.
// Every pointer is to steps * environments.size() values, row after row.
struct Steps {
  std::size_t steps;
  std::span<const std::uint32_t> environments;
  std::span<const std::byte* const> fields;    // one a schema field
  std::span<const std::byte* const> next_obs;  // one an obs field
  const bool* terminated;
  const bool* truncated;
};

class ReplayBuffer {
 public:
  // THROWS InvalidValue, OutOfMemory.
  ReplayBuffer(Schema schema, const Options& options);

  // Copies the steps in. REQUIRES: environments in range, none twice. THROWS OutOfMemory.
  // Cost: the bytes of a row, twice.
  void add(const Steps& steps);

  // The streams of these environments are cut here, as by an explicit reset. REQUIRES: in range.
  void end_episode(std::span<const std::uint32_t> environments);

  // Forgets every row. The generator and the transitions' names go on.
  void clear();

  // Around fork(): nobody is inside while the process is copied, and the child draws from a stream
  // of its own. REQUIRES: one of the after_ methods follows in each process, on the same thread.
  void before_fork() { mutex_.lock(); }
  void after_fork_in_parent() { mutex_.unlock(); }
  void after_fork_in_child(std::uint64_t process);
  // Whether a call would have to wait now.
  [[nodiscard]] bool is_busy() const;

  // Draws layout.rows rows and fills the block. THROWS InvalidValue when nothing is stored.
  void sample(const BatchLayout& layout, std::byte* block);

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<BlockPool>& pool() const { return pool_; }
  [[nodiscard]] std::size_t ring_capacity() const { return ring_capacity_; }
  [[nodiscard]] std::size_t capacity() const { return ring_capacity_ * options_.environments; }
  [[nodiscard]] std::span<const std::uint32_t> all_environments() const { return all_; }
  [[nodiscard]] std::size_t size() const;
  // The rows of the environment that has stored most; what lies past another's own is no
  // transition.
  [[nodiscard]] std::size_t longest() const;
  [[nodiscard]] std::size_t size_bytes() const;
  [[nodiscard]] const Column& column(std::size_t field) const { return table_.columns()[field]; }
  [[nodiscard]] Column metas() const { return table_.metas(); }

 private:
  void add_row(const Steps& steps, std::size_t row, std::size_t environment);
  void append(const Steps& steps, std::size_t row, std::size_t environment);
  // Whether the obs of this row is, bit for bit, the successor of the environment's newest row.
  [[nodiscard]] bool continues(const Steps& steps, std::size_t row, std::size_t environment) const;
  void evict_oldest(std::size_t environment);
  void link_newest(std::size_t environment);
  [[nodiscard]] Meta& newest(std::size_t environment) const;
  template <typename At>
  [[nodiscard]] bool begins_with(const Steps& steps, std::size_t row, At at) const;
  [[nodiscard]] std::size_t side_rows_needed(const Steps& steps) const;

  // Immutable after construction.
  Schema schema_;
  Options options_;
  std::size_t ring_capacity_;
  std::vector<std::uint32_t> all_;
  std::shared_ptr<BlockPool> pool_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  Table table_;
  SideRows side_;
  std::vector<Ring> rings_;
  std::vector<std::uint8_t> reset_follows_;  // one an environment; only with skip_resets
  Rng rng_;
  Gather gather_;
  std::vector<std::uint64_t> drawn_;
};

}  // namespace sharpwave
