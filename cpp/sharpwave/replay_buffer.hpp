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
#include <vector>

#include "sharpwave/batch.hpp"
#include "sharpwave/gather.hpp"
#include "sharpwave/hindsight.hpp"
#include "sharpwave/listing.hpp"
#include "sharpwave/n_step.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/any_sampler.hpp"
#include "sharpwave/samplers/eligible.hpp"
#include "sharpwave/schema.hpp"
#include "sharpwave/sequence.hpp"
#include "sharpwave/stats.hpp"
#include "sharpwave/transitions.hpp"

namespace sharpwave {

// `rows` of `steps` values each, row after row: one value a transition, or several a sequence.
template <typename Value>
struct Values {
  const Value* data;
  std::size_t rows;
  std::size_t steps;

  [[nodiscard]] std::span<const Value> all() const { return {data, rows * steps}; }
  [[nodiscard]] std::span<const Value> row(std::size_t i) const {
    return {data + i * steps, steps};
  }
};

struct Options {
  std::size_t capacity;  // transitions in all; each environment has capacity / environments
  std::size_t environments = 1;
  std::size_t n_step = 1;
  double gamma = 0.99;
  Insertion insertion = Insertion::kLatest;
  // The row that follows an end is the environment's reset and no transition (Gymnasium's
  // "next_step" autoreset).
  bool skip_resets = false;
  SamplerOptions sampler = {};
  std::optional<HindsightOptions> hindsight = std::nullopt;
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
  // of its own. REQUIRES: where the first one says true, one of the after_ methods follows in each
  // process, on the same thread.
  [[nodiscard]] bool try_before_fork() { return mutex_.try_lock(); }
  void after_fork_in_parent() { mutex_.unlock(); }
  void after_fork_in_child(std::uint64_t process);
  // Whether a call would have to wait now.
  [[nodiscard]] bool is_busy() const;

  // From the next batch on. REQUIRES: at least 1; from 0 to 1.
  void set_n_step(std::size_t n_step);
  void set_gamma(double gamma);

  // Draws the layout's samples and fills the block. THROWS InvalidValue when nothing is stored.
  // Returns what the reward function must be asked for, with hindsight.
  Relabelled sample(const Draws& draws, const BatchLayout& layout, std::byte* block);

  // The same for sequences: options.samples of options.steps() rows each.
  // THROWS InvalidValue when no sequence can begin anywhere.
  Relabelled sample_sequences(const Draws& draws, const SequenceOptions& options,
                              const BatchLayout& layout, std::byte* block);

  // Fills a block with the transitions of these names, with windows of so many steps or as sample()
  // has them. THROWS InvalidValue for one that is not stored.
  void rows(std::span<const std::int64_t> index, std::optional<std::size_t> n_step,
            const BatchLayout& layout, std::byte* block);

  // Gives transitions new priorities; names of those that are not stored any more are left alone.
  // Of a sequence, `td_error` has the last steps, index -1 stands for padding, and its first row
  // gets eta * max |td_error| + (1 - eta) * mean |td_error| (Kapturowski et al. 2019).
  // THROWS InvalidValue for a name that was never given, an error that is not finite, or a sampler
  // without priorities. REQUIRES: as many rows, at most as many steps.
  void update_priorities(Values<std::int64_t> index, Values<float> td_error);

  // The whole state, in segments of an archive (docs/format.md), and back into a buffer that was
  // made with the same schema and options and has not been used. THROWS FileFailed; Damaged, after
  // which this buffer is of no use. Nobody adds or samples meanwhile.
  void save(ArchiveWriter& to);
  void restore(ArchiveReader& from);

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<BlockPool>& pool() const { return pool_; }
  [[nodiscard]] std::size_t ring_capacity() const { return ring_capacity_; }
  [[nodiscard]] std::size_t capacity() const { return ring_capacity_ * options_.environments; }
  [[nodiscard]] std::span<const std::uint32_t> all_environments() const { return all_; }
  // Whether batches have weights and update_priorities() may be called.
  [[nodiscard]] bool has_priorities() const { return has_priorities_; }
  [[nodiscard]] std::size_t n_step() const;
  [[nodiscard]] double gamma() const;
  [[nodiscard]] std::size_t size() const;
  // The rows of the environment that has stored most; what lies past another's own is no
  // transition.
  [[nodiscard]] std::size_t longest() const;
  [[nodiscard]] std::size_t size_bytes() const;
  [[nodiscard]] Stats stats();
  [[nodiscard]] Listing listing() const;
  [[nodiscard]] const Column& column(std::size_t field) const {
    return transitions_.table().columns()[field];
  }
  [[nodiscard]] Column metas() const { return transitions_.table().metas(); }

 private:
  void require_rows() const;
  // Calls use(draw), where draw(places) fills places with what the sampler draws for this batch.
  template <typename Use>
  void with_draw(Use use);
  template <typename DrawUntil>
  void copy_as_drawn(const BatchLayout& layout, std::byte* block, DrawUntil draw_until);
  void sample_uniform(const BatchLayout& layout, std::byte* block);
  void sample_prioritized(Prioritized& sampler, float beta, const BatchLayout& layout,
                          std::byte* block);
  [[nodiscard]] Eligible eligible(const Sequences& sequences);
  void begin_sequences(const Sequences& sequences, std::span<std::uint64_t> begins);
  void name(std::span<const std::uint64_t> places, std::int64_t* index) const;
  void copy(const BatchLayout& layout, std::byte* block);
  void weigh(const Draws& draws, std::span<const std::uint64_t> places, const BatchLayout& layout,
             std::byte* block);
  Relabelled relabel(const BatchLayout& layout, std::byte* block);
  std::span<const float> errors_of(Values<std::int64_t> index, Values<float> td_error);
  std::size_t find_known(Values<std::int64_t> index, std::span<const float> errors);

  // Immutable after construction.
  Schema schema_;
  Options options_;
  std::size_t ring_capacity_;
  std::vector<std::uint32_t> all_;
  std::shared_ptr<BlockPool> pool_;
  bool has_priorities_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  Transitions transitions_;
  NStep n_step_;
  Rng rng_;
  Gather gather_;
  AnySampler sampler_;
  std::size_t batch_size_ = 0;         // of the last batch
  std::vector<std::uint64_t> drawn_;   // scratch: the places of a batch
  std::vector<std::int64_t> names_;    // scratch
  std::vector<float> priorities_;      // scratch
  std::vector<float> errors_;          // scratch: of sequences
  std::vector<std::uint64_t> begins_;  // scratch: where its sequences begin
};

}  // namespace sharpwave
