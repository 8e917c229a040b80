#include "sharpwave/replay_buffer.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

std::size_t rows_per_environment(const Options& options) {
  if (options.environments == 0) throw InvalidValue("num_envs: expected at least 1, got 0");
  if (options.capacity < options.environments) {
    throw InvalidValue("capacity: expected at least one transition for each of the " +
                       std::to_string(options.environments) + " environments, got " +
                       std::to_string(options.capacity));
  }
  return options.capacity / options.environments;
}

RingOptions rings(const Options& options, std::size_t capacity) {
  return {options.environments, capacity, options.insertion, options.skip_resets, options.seed};
}

}  // namespace

ReplayBuffer::ReplayBuffer(Schema schema, const Options& options)
    : schema_(std::move(schema)),
      options_(options),
      ring_capacity_(rows_per_environment(options)),
      all_(options.environments),
      pool_(std::make_shared<BlockPool>()),
      transitions_(schema_, rings(options, ring_capacity_)),
      n_step_(transitions_.table(), transitions_.table().offset(schema_.reward()), ring_capacity_),
      rng_(options.seed),
      gather_(schema_, transitions_, n_step_) {
  std::iota(all_.begin(), all_.end(), 0U);
  n_step_.set_n_step(options.n_step);
  n_step_.set_gamma(options.gamma);
}

void ReplayBuffer::add(const Steps& steps) {
  const std::lock_guard lock(mutex_);
  transitions_.reserve(steps);
  std::size_t row = 0;
  for (std::size_t step = 0; step < steps.steps; ++step) {
    for (const std::uint32_t environment : steps.environments) {
      transitions_.add(steps, row++, environment);
    }
  }
}

void ReplayBuffer::end_episode(std::span<const std::uint32_t> environments) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t environment : environments) transitions_.end_episode(environment);
}

void ReplayBuffer::clear() {
  const std::lock_guard lock(mutex_);
  transitions_.clear();
}

void ReplayBuffer::after_fork_in_child(std::uint64_t process) {
  rng_ = Rng(rng_.next(), process);
  transitions_.reseed(rng_.next());
  mutex_.unlock();
}

bool ReplayBuffer::is_busy() const {
  return !std::unique_lock(mutex_, std::try_to_lock).owns_lock();
}

void ReplayBuffer::set_n_step(std::size_t n_step) {
  const std::lock_guard lock(mutex_);
  n_step_.set_n_step(n_step);
}

void ReplayBuffer::set_gamma(double gamma) {
  const std::lock_guard lock(mutex_);
  n_step_.set_gamma(gamma);
}

void ReplayBuffer::require_rows() const {
  for (const Ring& ring : transitions_.rings()) {
    if (ring.size() != 0) return;
  }
  throw InvalidValue("the buffer is empty: add transitions before sampling");
}

// Rows are copied a tile at a time, each as soon as the next ones are drawn.
void ReplayBuffer::draw_uniform(const BatchLayout& layout, std::byte* block) {
  const std::span<const std::uint64_t> rows = drawn_;
  auto* const index = reinterpret_cast<std::int64_t*>(block + layout.index);
  Uniform uniform(rng_, transitions_.rings());
  std::size_t drawn = 0;
  const auto draw_until = [&](std::size_t end) {
    const std::size_t count = std::min(end, rows.size()) - drawn;
    const Drawn out{std::span(drawn_).subspan(drawn, count), {index + drawn, count}};
    gather_.with_prefetch([&](auto prefetch) { uniform.draw(out, prefetch); });
    drawn += count;
  };
  const std::size_t tile = Gather::tile_for(rows.size());
  draw_until(Gather::kAhead);
  for (std::size_t begin = 0; begin < rows.size(); begin += tile) {
    draw_until(begin + tile + Gather::kAhead);
    const std::size_t count = std::min(tile, rows.size() - begin);
    gather_.copy_hot(rows.subspan(begin, count), begin, {layout, block});
  }
  gather_.copy_cold(rows, {layout, block});
}

Relabelled ReplayBuffer::sample(const BatchLayout& layout, std::byte* block) {
  const std::lock_guard lock(mutex_);
  require_rows();
  drawn_.resize(layout.rows);
  draw_uniform(layout, block);
  return relabel(layout, block);
}

Relabelled ReplayBuffer::relabel(const BatchLayout& layout, std::byte* block) {
  if (!options_.hindsight) return {};
  const Hindsight hindsight(*options_.hindsight, transitions_, n_step_, gather_);
  return hindsight.relabel(rng_, drawn_, {layout, block});
}

std::size_t ReplayBuffer::n_step() const {
  const std::lock_guard lock(mutex_);
  return n_step_.n_step();
}

double ReplayBuffer::gamma() const {
  const std::lock_guard lock(mutex_);
  return n_step_.gamma();
}

std::size_t ReplayBuffer::size() const {
  const std::lock_guard lock(mutex_);
  return transitions_.size();
}

std::size_t ReplayBuffer::longest() const {
  const std::lock_guard lock(mutex_);
  const auto shorter = [](const Ring& a, const Ring& b) { return a.size() < b.size(); };
  const std::span<const Ring> rings = transitions_.rings();
  return std::max_element(rings.begin(), rings.end(), shorter)->size();
}

std::size_t ReplayBuffer::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return transitions_.size_bytes();
}

}  // namespace sharpwave
