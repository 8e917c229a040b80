#include "sharpwave/replay_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "sharpwave/error.hpp"
#include "sharpwave/samplers/uniform.hpp"

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

Table make_table(const Schema& schema, std::size_t rows) {
  check_memory_available(Table::bytes(schema.fields(), rows, Table::WithMeta::kYes));
  return {schema.fields(), rows, Table::WithMeta::kYes};
}

}  // namespace

ReplayBuffer::ReplayBuffer(Schema schema, const Options& options)
    : schema_(std::move(schema)),
      options_(options),
      ring_capacity_(rows_per_environment(options)),
      all_(options.environments),
      pool_(std::make_shared<BlockPool>()),
      table_(make_table(schema_, capacity())),
      side_(schema_.obs()),
      rings_(options.environments, Ring(ring_capacity_)),
      reset_follows_(options.environments, 0),
      rng_(options.seed),
      gather_(
          {table_, side_, schema_.fields(), schema_.obs().size(), ring_capacity_, options_.gamma}) {
  std::iota(all_.begin(), all_.end(), 0U);
}

Meta& ReplayBuffer::newest(std::size_t environment) const {
  return table_.meta(environment * ring_capacity_ + rings_[environment].newest_slot());
}

// Whether the obs of the step's row equals, bit for bit, the observation whose fields lie at
// `at(field)`. Bits alone decide what is stored once.
template <typename At>
bool ReplayBuffer::begins_with(const Steps& steps, std::size_t row, At at) const {
  for (std::size_t f = 0; f < schema_.obs().size(); ++f) {
    const std::size_t bytes = table_.columns()[f].bytes;
    if (std::memcmp(at(f), steps.fields[f] + row * bytes, bytes) != 0) return false;
  }
  return true;
}

bool ReplayBuffer::continues(const Steps& steps, std::size_t row, std::size_t environment) const {
  if (rings_[environment].size() == 0 || ring_capacity_ == 1) return false;
  const std::uint32_t side = newest(environment).successor - Meta::kSide;
  return begins_with(steps, row, [&](std::size_t f) { return side_.at(f, side); });
}

void ReplayBuffer::evict_oldest(std::size_t environment) {
  const Meta& oldest = table_.meta(environment * ring_capacity_ + rings_[environment].next_slot());
  if (oldest.successor >= Meta::kSide) side_.release(oldest.successor - Meta::kSide);
}

// The newest row's successor is what comes next: from here on it is stored there alone.
void ReplayBuffer::link_newest(std::size_t environment) {
  const bool at_end = rings_[environment].newest_slot() + 1 == ring_capacity_;
  Meta& meta = newest(environment);
  side_.release(meta.successor - Meta::kSide);
  meta.successor = at_end ? Meta::kFirstRow : Meta::kNextRow;
}

void ReplayBuffer::append(const Steps& steps, std::size_t row, std::size_t environment) {
  Ring& ring = rings_[environment];
  if (continues(steps, row, environment)) link_newest(environment);
  if (ring.full()) evict_oldest(environment);
  const std::uint32_t side = side_.acquire();
  const std::size_t place = environment * ring_capacity_ + ring.next_slot();
  for (std::size_t f = 0; f < schema_.obs().size(); ++f) {
    const std::size_t bytes = table_.columns()[f].bytes;
    std::memcpy(side_.at(f, side), steps.next_obs[f] + row * bytes, bytes);
  }
  for (std::size_t f = 0; f < table_.columns().size(); ++f) {
    const Column& column = table_.columns()[f];
    std::memmove(column.row(place), steps.fields[f] + row * column.bytes, column.bytes);
  }
  table_.meta(place) = {steps.terminated[row], steps.truncated[row], false, side + Meta::kSide};
  ring.push();
}

// At most one for each environment's newest row, one for each break of the stream, and one for each
// row behind which a reset is skipped.
std::size_t ReplayBuffer::side_rows_needed(const Steps& steps) const {
  const std::size_t environments = steps.environments.size();
  std::size_t needed = environments;
  for (std::size_t row = environments; row < steps.steps * environments; ++row) {
    const std::size_t before = row - environments;
    const bool ended = steps.terminated[before] || steps.truncated[before];
    const auto successor = [&](std::size_t f) {
      return steps.next_obs[f] + before * table_.columns()[f].bytes;
    };
    if (!begins_with(steps, row, successor) || (options_.skip_resets && ended)) ++needed;
  }
  return std::min(needed, capacity() + environments);
}

void ReplayBuffer::add_row(const Steps& steps, std::size_t row, std::size_t environment) {
  if (reset_follows_[environment] != 0) {
    reset_follows_[environment] = 0;
    return;
  }
  append(steps, row, environment);
  const bool ended = steps.terminated[row] || steps.truncated[row];
  reset_follows_[environment] = static_cast<std::uint8_t>(options_.skip_resets && ended);
}

void ReplayBuffer::add(const Steps& steps) {
  const std::lock_guard lock(mutex_);
  side_.reserve(side_rows_needed(steps));
  std::size_t row = 0;
  for (std::size_t step = 0; step < steps.steps; ++step) {
    for (const std::uint32_t environment : steps.environments) add_row(steps, row++, environment);
  }
}

void ReplayBuffer::end_episode(std::span<const std::uint32_t> environments) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t environment : environments) {
    reset_follows_[environment] = 0;
    if (rings_[environment].size() != 0) newest(environment).cut = true;
  }
}

void ReplayBuffer::clear() {
  const std::lock_guard lock(mutex_);
  for (Ring& ring : rings_) ring.clear();
  std::fill(reset_follows_.begin(), reset_follows_.end(), std::uint8_t{0});
  side_.release_all();
}

void ReplayBuffer::after_fork_in_child(std::uint64_t process) {
  rng_ = Rng(rng_.next(), process);
  mutex_.unlock();
}

bool ReplayBuffer::is_busy() const {
  return !std::unique_lock(mutex_, std::try_to_lock).owns_lock();
}

void ReplayBuffer::sample(const BatchLayout& layout, std::byte* block) {
  const std::lock_guard lock(mutex_);
  if (std::all_of(rings_.begin(), rings_.end(),
                  [](const Ring& ring) { return ring.size() == 0; })) {
    throw InvalidValue("the buffer is empty: add transitions before sampling");
  }
  drawn_.resize(layout.rows);
  const std::span<const std::uint64_t> rows = drawn_;
  auto* const index = reinterpret_cast<std::int64_t*>(block + layout.index);
  Uniform uniform(rng_, rings_);
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

std::size_t ReplayBuffer::size() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(rings_.begin(), rings_.end(), std::size_t{0},
                         [](std::size_t sum, const Ring& ring) { return sum + ring.size(); });
}

std::size_t ReplayBuffer::longest() const {
  const std::lock_guard lock(mutex_);
  const auto shorter = [](const Ring& a, const Ring& b) { return a.size() < b.size(); };
  return std::max_element(rings_.begin(), rings_.end(), shorter)->size();
}

std::size_t ReplayBuffer::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return table_.size_bytes() + side_.size_bytes();
}

}  // namespace sharpwave
