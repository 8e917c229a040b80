#include "sharpwave/prefetch.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace sharpwave {

// Draws are numbered from 1.
struct Prefetch::State {
  mutable std::mutex mutex;
  std::condition_variable work;   // for the thread
  std::condition_variable ready;  // for those who take

  // Guarded by mutex.
  std::deque<Prefetched> batches;
  Draws draws;
  std::uint64_t begun = 0;   // draws so far
  std::uint64_t asked = 0;   // `begun` at the newest request
  std::uint64_t failed = 0;  // the newest draw that threw, and what
  std::exception_ptr error;
  bool has_given_up = false;
  bool is_closed = false;
  std::thread thread;
};

Prefetch::Prefetch(ReplayBuffer& buffer, const PrefetchOptions& options, const Draws& draws)
    : buffer_(buffer),
      options_(options),
      layout_(buffer.schema(), options.columns),
      state_(std::make_unique<State>()) {
  state_->draws = draws;
  start(*state_);
}

Prefetch::~Prefetch() { close(); }

void Prefetch::start(State& state) {
  state.thread = std::thread([this, &state] { run(state); });
}

std::uint64_t Prefetch::ask(const Draws& draws) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  state.draws = draws;
  state.asked = state.begun;
  state.has_given_up = false;
  if (!state.thread.joinable() && !state.is_closed) start(state);
  state.work.notify_one();
  return state.asked;
}

std::optional<Prefetched> Prefetch::take(std::uint64_t request,
                                         std::chrono::milliseconds patience) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.ready.wait_for(lock, patience, [&] {
    return state.is_closed || !state.batches.empty() || state.failed > request;
  });
  if (state.is_closed) return std::nullopt;
  if (!state.batches.empty()) {
    std::optional<Prefetched> batch = std::move(state.batches.front());
    state.batches.pop_front();
    state.work.notify_one();
    return batch;
  }
  if (state.failed > request) std::rethrow_exception(state.error);
  return std::nullopt;
}

void Prefetch::close() {
  State& state = *state_;
  std::thread thread;
  std::deque<Prefetched> dropped;
  {
    const std::lock_guard lock(state.mutex);
    state.is_closed = true;
    dropped.swap(state.batches);
    thread.swap(state.thread);
    state.work.notify_all();
    state.ready.notify_all();
  }
  if (thread.joinable()) thread.join();
}

bool Prefetch::is_closed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->is_closed;
}

void Prefetch::after_fork_in_child() {
  auto fresh = std::make_unique<State>();
  fresh->is_closed = state_->is_closed;
  // Not deleted: a lock that another thread held at the fork is held for ever.
  state_.release();  // NOLINT(bugprone-unused-return-value)
  state_ = std::move(fresh);
}

void Prefetch::run(State& state) {
  std::unique_lock lock(state.mutex);
  while (true) {
    state.work.wait(lock, [&] {
      return state.is_closed || (!state.has_given_up && state.batches.size() < options_.depth);
    });
    if (state.is_closed) return;
    const std::uint64_t number = ++state.begun;
    const Draws draws = state.draws;
    lock.unlock();
    try_to_draw(state, number, draws);
    lock.lock();
  }
}

void Prefetch::try_to_draw(State& state, std::uint64_t number, const Draws& draws) {
  Prefetched batch;
  std::exception_ptr error;
  try {
    batch = draw(draws);
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(state.mutex);
  if (error) {
    state.failed = number;
    state.error = std::move(error);
    // A request that came during the draw may know of rows that the draw did not see.
    state.has_given_up = state.asked < number;
  } else if (!state.is_closed) {
    state.batches.push_back(std::move(batch));
  }
  state.ready.notify_all();
}

Prefetched Prefetch::draw(const Draws& draws) {
  Prefetched batch{buffer_.pool()->lend(layout_.bytes), {}};
  std::byte* const block = batch.block.get();
  batch.relabelled = options_.sequences
                         ? buffer_.sample_sequences(draws, *options_.sequences, layout_, block)
                         : buffer_.sample(draws, layout_, block);
  return batch;
}

}  // namespace sharpwave
