#pragma once
// Prefetch: a thread that keeps a buffer's next batches ready.
//
// Threads: every method may be called from any thread at once, but after_fork_in_child(). The
//          thread waits for the buffer's lock only, and for requests.
// Ownership: refers to the buffer, which outlives it; a block belongs to whoever took it.
// Invariants: (1) batches are taken in the order of their draws, and nothing but the draws moves
//             the buffer's generator; (2) an error comes from a draw that began after the request
//             that it answers; (3) at most `depth` batches wait.
// Cost: a lock and a wake-up a batch; `depth` blocks, and one being filled.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "sharpwave/batch.hpp"
#include "sharpwave/hindsight.hpp"
#include "sharpwave/replay_buffer.hpp"
#include "sharpwave/sequence.hpp"

namespace sharpwave {

struct PrefetchOptions {
  BatchOptions columns;
  std::optional<SequenceOptions> sequences = std::nullopt;
  std::size_t depth = 2;  // batches that wait; at least 1
};

// A filled block, and what the reward function must be asked for.
struct Prefetched {
  BlockPool::Block block;
  Relabelled relabelled;
};

class Prefetch {
 public:
  // Begins to draw. THROWS std::system_error where no thread can be started.
  Prefetch(ReplayBuffer& buffer, const PrefetchOptions& options, const Draws& draws);
  // Waits for the draw that is under way.
  ~Prefetch();
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;
  Prefetch(Prefetch&&) = delete;
  Prefetch& operator=(Prefetch&&) = delete;

  [[nodiscard]] const BatchLayout& layout() const { return layout_; }

  // A request for one batch, to be given to take(). Later draws are as `draws` says. A thread that
  // gave up with an error tries again.
  std::uint64_t ask(const Draws& draws);
  // The next batch; nothing when `patience` is over or this is closed. THROWS what the draw threw.
  std::optional<Prefetched> take(std::uint64_t request, std::chrono::milliseconds patience);

  // Ends the thread and forgets the batches that wait. REQUIRES: the buffer's lock is not held by
  // the caller.
  void close();
  [[nodiscard]] bool is_closed() const;

  // In a child of fork() there is no thread, and its locks are as they were: everything is given
  // up, also the batches, which are the parent's. The next request starts a thread.
  void after_fork_in_child();

 private:
  struct State;

  void start(State& state);
  void run(State& state);
  void try_to_draw(State& state, std::uint64_t number, const Draws& draws);
  Prefetched draw(const Draws& draws);

  // Immutable after construction.
  ReplayBuffer& buffer_;
  PrefetchOptions options_;
  BatchLayout layout_;

  std::unique_ptr<State> state_;
};

}  // namespace sharpwave
