#pragma once
// ReplayBuffer: composes the rooms above it. The lock and the protocol live here and nowhere below.
//
// Threads: every public method may be called from any thread at once.
// Invariants: (1) the stored rows of an environment are its last min(count, capacity) transitions,
//             or a uniform sample of all of them, bit for bit; (2) a method that throws has changed
//             nothing.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/gather.hpp"
#include "sharpwave/hindsight.hpp"
#include "sharpwave/n_step.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/uniform.hpp"
#include "sharpwave/schema.hpp"
#include "sharpwave/sequence.hpp"
#include "sharpwave/transitions.hpp"

namespace sharpwave {

struct Options {
  std::size_t capacity;  // transitions in all; each environment has capacity / environments
  std::size_t environments = 1;
  std::size_t n_step = 1;
  double gamma = 0.99;
  Insertion insertion = Insertion::kLatest;
  // The row that follows an end is the environment's reset and no transition (Gymnasium's
  // "next_step" autoreset).
  bool skip_resets = false;
  std::optional<HindsightOptions> hindsight;
  std::uint64_t seed = 0;
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

  // From the next batch on. REQUIRES: at least 1; from 0 to 1.
  void set_n_step(std::size_t n_step);
  void set_gamma(double gamma);

  // Draws the layout's samples and fills the block. THROWS InvalidValue when nothing is stored.
  // Returns what the reward function must be asked for, with hindsight.
  Relabelled sample(const BatchLayout& layout, std::byte* block);

  // The same for sequences: options.samples of options.steps() rows each.
  // THROWS InvalidValue when no sequence can begin anywhere.
  Relabelled sample_sequences(const SequenceOptions& options, const BatchLayout& layout,
                              std::byte* block);

  // Fills a block with the transitions of these names. THROWS InvalidValue for one that is not
  // stored.
  void rows(std::span<const std::int64_t> index, const BatchLayout& layout, std::byte* block);

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<BlockPool>& pool() const { return pool_; }
  [[nodiscard]] std::size_t ring_capacity() const { return ring_capacity_; }
  [[nodiscard]] std::size_t capacity() const { return ring_capacity_ * options_.environments; }
  [[nodiscard]] std::span<const std::uint32_t> all_environments() const { return all_; }
  [[nodiscard]] std::size_t n_step() const;
  [[nodiscard]] double gamma() const;
  [[nodiscard]] std::size_t size() const;
  // The rows of the environment that has stored most; what lies past another's own is no
  // transition.
  [[nodiscard]] std::size_t longest() const;
  [[nodiscard]] std::size_t size_bytes() const;
  [[nodiscard]] const Column& column(std::size_t field) const {
    return transitions_.table().columns()[field];
  }
  [[nodiscard]] Column metas() const { return transitions_.table().metas(); }

 private:
  void require_rows() const;
  void draw_all(std::span<std::uint64_t> rows);
  void draw_uniform(const BatchLayout& layout, std::byte* block);
  void begin_sequences(const SequenceOptions& options, std::span<std::uint64_t> begins);
  void name(std::span<const std::uint64_t> rows, std::int64_t* index) const;
  void copy(const BatchLayout& layout, std::byte* block);
  void weigh(const BatchLayout& layout, std::byte* block, std::span<const std::uint64_t> rows);
  Relabelled relabel(const BatchLayout& layout, std::byte* block);

  // Immutable after construction.
  Schema schema_;
  Options options_;
  std::size_t ring_capacity_;
  std::vector<std::uint32_t> all_;
  std::shared_ptr<BlockPool> pool_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  Transitions transitions_;
  NStep n_step_;
  Rng rng_;
  Gather gather_;
  std::vector<std::uint64_t> drawn_;
};

}  // namespace sharpwave
