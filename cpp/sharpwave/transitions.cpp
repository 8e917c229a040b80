#include "sharpwave/transitions.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "sharpwave/kernels/cpu.hpp"

namespace sharpwave {
namespace {

// The reservoirs' stream of a seed: adding rows does not change what is sampled.
constexpr std::uint64_t kReservoirStream = 0x7265736572766F69U;

std::size_t frames_at_first(const RingOptions& options, std::size_t depth) {
  return options.environments * (options.capacity + 2 * depth);
}

Table make_table(const Schema& schema, const RingOptions& options) {
  const std::size_t rows = options.environments * options.capacity;
  std::size_t bytes = Table::bytes(schema.fields(), rows, Table::WithMeta::kYes);
  for (const Field& field : schema.obs()) {
    if (!field.is_stack()) continue;
    bytes += Frames::bytes(field.bytes() / field.frames, frames_at_first(options, field.frames));
  }
  check_memory_available(bytes);
  return {schema.fields(), rows, Table::WithMeta::kYes};
}

std::vector<Transitions::Stacked> make_stacked(const Schema& schema, const RingOptions& options) {
  std::vector<Transitions::Stacked> all;
  for (std::size_t f = 0; f < schema.obs().size(); ++f) {
    const Field& field = schema.obs()[f];
    if (!field.is_stack()) continue;
    const std::size_t frames = frames_at_first(options, field.frames);
    all.push_back({f, Frames(field.bytes() / field.frames, field.frames, frames)});
  }
  return all;
}

bool ended(const Steps& steps, std::size_t row) {
  return steps.terminated[row] || steps.truncated[row];
}

std::size_t references(std::span<const Transitions::Stacked> all) {
  return std::accumulate(all.begin(), all.end(), std::size_t{0},
                         [](std::size_t sum, const Transitions::Stacked& stacked) {
                           return sum + stacked.frames.depth();
                         });
}

}  // namespace

Transitions::Transitions(const Schema& schema, const RingOptions& options)
    : schema_(schema),
      options_(options),
      table_(make_table(schema, options)),
      side_(schema.obs()),
      stacked_(make_stacked(schema, options)),
      rings_(options.environments, Ring(options.capacity, options.insertion)),
      episodes_(options.environments),
      reset_follows_(options.environments, 0),
      rng_(options.seed, kReservoirStream),
      stacks_(2 * references(stacked_)) {}

const Transitions::Stacked* Transitions::stacked(std::size_t field) const {
  const auto found = std::find_if(stacked_.begin(), stacked_.end(),
                                  [&](const Stacked& each) { return each.field == field; });
  return found == stacked_.end() ? nullptr : &*found;
}

Meta* Transitions::newest(std::size_t environment) const {
  const Ring& ring = rings_[environment];
  if (ring.size() == 0) return nullptr;
  return &table_.meta(environment * ring.capacity() + ring.newest_slot());
}

bool Transitions::continues(const Steps& steps, std::size_t row, const Meta* newest) const {
  if (newest == nullptr || options_.capacity == 1 || options_.insertion == Insertion::kReservoir) {
    return false;
  }
  const std::uint32_t side = newest->successor - Meta::kSide;
  for (std::size_t f = 0; f < schema_.obs().size(); ++f) {
    const std::size_t bytes = schema_.obs()[f].bytes();
    const std::byte* const obs = steps.fields[f] + row * bytes;
    const std::byte* const stored = side_.at(f, side);
    const Stacked* const frames = stacked_.empty() ? nullptr : stacked(f);
    const bool is_same =
        frames == nullptr
            ? std::memcmp(stored, obs, bytes) == 0
            : frames->frames.equals(reinterpret_cast<const Frames::Reference*>(stored), obs);
    if (!is_same) return false;
  }
  return true;
}

// The newest row's successor is what comes next: from here on it is stored there alone.
void Transitions::link_newest(std::size_t environment) {
  Meta& meta = *newest(environment);
  side_.release(meta.successor - Meta::kSide);
  meta.successor = (meta.flags & Meta::kLastSlot) != 0 ? Meta::kFirstRow : Meta::kNextRow;
}

void Transitions::evict(std::uint64_t place) {
  const Meta& meta = table_.meta(place);
  const bool has_side = meta.successor >= Meta::kSide;
  const std::uint32_t side = meta.successor - Meta::kSide;
  for (auto& [field, frames] : stacked_) {
    const auto release = [&pool = frames](const std::byte* stack) {
      pool.release(reinterpret_cast<const Frames::Reference*>(stack));
    };
    release(table_.columns()[field].row(place));
    if (has_side) release(side_.at(field, side));
  }
  if (has_side) side_.release(side);
}

// References of the row's stacks and its successor's. A linked row takes over those that the side
// row had.
void Transitions::store_stacks(const Steps& steps, std::size_t row, const Meta* newest,
                               bool is_linked) {
  Frames::Reference* own = stacks_.data();
  const bool has_side = newest != nullptr && newest->successor >= Meta::kSide;
  for (auto& [field, frames] : stacked_) {
    const std::size_t at = row * frames.depth() * frames.frame_bytes();
    Frames::Reference* const next = own + frames.depth();
    std::span<const Frames::Reference> known;
    if (has_side) {
      const std::byte* const stack = side_.at(field, newest->successor - Meta::kSide);
      known = {reinterpret_cast<const Frames::Reference*>(stack), frames.depth()};
    }
    if (is_linked) {
      std::copy(known.begin(), known.end(), own);
    } else {
      frames.store(steps.fields[field] + at, known, own);
    }
    frames.store(steps.next_obs[field] + at, {own, frames.depth()}, next);
    own = next + frames.depth();
  }
}

void Transitions::write(const Steps& steps, std::size_t row, std::uint64_t place,
                        std::uint32_t side) {
  const Frames::Reference* own = stacks_.data();
  for (std::size_t f = 0; f < table_.columns().size(); ++f) {
    const Column& column = table_.columns()[f];
    const bool is_obs = f < schema_.obs().size();
    if (schema_.fields()[f].is_stack()) {
      std::memcpy(column.row(place), own, column.bytes);
      std::memcpy(side_.at(f, side), own + schema_.fields()[f].frames, column.bytes);
      own += 2 * schema_.fields()[f].frames;
      continue;
    }
    if (is_obs)
      std::memcpy(side_.at(f, side), steps.next_obs[f] + row * column.bytes, column.bytes);
    // A caller may hand in a view of this very buffer.
    std::memmove(column.row(place), steps.fields[f] + row * column.bytes, column.bytes);
  }
}

void Transitions::begin_episode_if_new(std::size_t environment, const Meta* newest) {
  if (newest != nullptr && !newest->ends_episode()) return;
  episodes_[environment].begin(rings_[environment].count());
}

void Transitions::store(const Steps& steps, std::size_t row, std::size_t environment,
                        std::size_t slot) {
  const Ring& ring = rings_[environment];
  Meta* const before = newest(environment);
  const bool is_linked = continues(steps, row, before);
  store_stacks(steps, row, before, is_linked);
  if (!ring.is_reservoir()) begin_episode_if_new(environment, before);
  if (is_linked) link_newest(environment);
  if (before != nullptr) before->flags &= static_cast<std::uint8_t>(~Meta::kNewest);
  const std::uint64_t place = environment * ring.capacity() + slot;
  if (slot < ring.size()) evict(place);
  const std::uint32_t side = side_.acquire();
  write(steps, row, place, side);
  const int flags = Meta::kNewest | (slot + 1 == ring.capacity() ? Meta::kLastSlot : 0) |
                    (ring.is_reservoir() ? Meta::kCut : 0);
  table_.meta(place) = {steps.terminated[row], steps.truncated[row],
                        static_cast<std::uint8_t>(flags), side + Meta::kSide};
}

std::optional<std::uint64_t> Transitions::add(const Steps& steps, std::size_t row,
                                              std::size_t environment) {
  if (options_.skip_resets) {
    const bool is_reset = reset_follows_[environment] != 0;
    reset_follows_[environment] = static_cast<std::uint8_t>(!is_reset && ended(steps, row));
    if (is_reset) return std::nullopt;
  }
  Ring& ring = rings_[environment];
  const std::optional<std::size_t> slot = ring.choose(rng_);
  if (slot) store(steps, row, environment, *slot);
  ring.push(slot);
  if (!slot) return std::nullopt;
  if (!ring.is_reservoir()) episodes_[environment].forget_before(ring.oldest());
  return environment * ring.capacity() + *slot;
}

void Transitions::expect(std::size_t environment) const {
  constexpr std::size_t kLine = 64;
  const Ring& ring = rings_[environment];
  const std::size_t first = environment * ring.capacity();
  const std::size_t next = ring.size() == 0 ? 0 : ring.newest_slot() + 1;
  const std::size_t place = first + (next == ring.capacity() ? 0 : next);
  const Column& records = table_.records();
  const std::byte* const record = records.row(place);
  for (std::size_t at = 0; at < records.bytes; at += kLine) prefetch(record + at);
  prefetch(record + records.bytes - 1);
}

// Whether the obs of `row` is the successor of the row `before`, both among the steps.
bool Transitions::follows(const Steps& steps, std::size_t row, std::size_t before) const {
  for (std::size_t f = 0; f < schema_.obs().size(); ++f) {
    const std::size_t bytes = schema_.obs()[f].bytes();
    const std::byte* const successor = steps.next_obs[f] + before * bytes;
    if (std::memcmp(steps.fields[f] + row * bytes, successor, bytes) != 0) return false;
  }
  return true;
}

// At most one for each environment's newest row, one for each break of the stream, and one for each
// row behind which a reset is skipped.
std::size_t Transitions::side_rows_needed(const Steps& steps) const {
  if (options_.insertion == Insertion::kReservoir) return steps.rows();
  const std::size_t environments = steps.environments.size();
  std::size_t needed = environments;
  for (std::size_t row = environments; row < steps.rows(); ++row) {
    const std::size_t before = row - environments;
    if (!follows(steps, row, before) || (options_.skip_resets && ended(steps, before))) ++needed;
  }
  return needed;
}

// At most two whole stacks a row; where there are many rows it pays to see which frames repeat.
std::size_t Transitions::frames_needed(const Steps& steps, const Stacked& stacked) const {
  const std::size_t depth = stacked.frames.depth();
  if (steps.steps == 1 || options_.insertion == Insertion::kReservoir) {
    return 2 * depth * steps.rows();
  }
  const std::size_t bytes = stacked.frames.frame_bytes();
  const std::size_t environments = steps.environments.size();
  std::size_t needed = 0;
  for (std::size_t row = 0; row < steps.rows(); ++row) {
    const std::size_t before = row - environments;  // wraps in the first step
    const bool is_linked = row >= environments && follows(steps, row, before) &&
                           !(options_.skip_resets && ended(steps, before));
    const std::byte* const obs = steps.fields[stacked.field] + row * depth * bytes;
    const std::byte* const next = steps.next_obs[stacked.field] + row * depth * bytes;
    if (!is_linked) needed += depth;
    for (std::size_t i = 0; i + 1 < depth; ++i) {
      if (std::memcmp(next + i * bytes, obs + (i + 1) * bytes, bytes) != 0) ++needed;
    }
    ++needed;
  }
  return needed;
}

void Transitions::reserve(const Steps& steps) {
  side_.reserve(side_rows_needed(steps));
  for (Stacked& stacked : stacked_) stacked.frames.reserve(frames_needed(steps, stacked));
  for (const std::uint32_t environment : steps.environments) {
    episodes_[environment].reserve(steps.steps);
  }
}

void Transitions::end_episode(std::size_t environment) {
  reset_follows_[environment] = 0;
  if (Meta* const last = newest(environment)) last->flags |= Meta::kCut;
}

void Transitions::clear() {
  for (Ring& ring : rings_) ring.clear();
  for (Episodes& episodes : episodes_) episodes.clear();
  for (Stacked& stacked : stacked_) stacked.frames.release_all();
  std::fill(reset_follows_.begin(), reset_follows_.end(), std::uint8_t{0});
  side_.release_all();
}

std::size_t Transitions::size() const {
  return std::accumulate(rings_.begin(), rings_.end(), std::size_t{0},
                         [](std::size_t sum, const Ring& ring) { return sum + ring.size(); });
}

std::size_t Transitions::size_bytes() const {
  std::size_t total = table_.size_bytes() + side_.size_bytes() + episode_bytes() + name_bytes();
  for (const Stacked& stacked : stacked_) total += stacked.frames.size_bytes();
  return total;
}

void Transitions::list(Blocks& blocks) const {
  table_.list(blocks);
  side_.list(blocks);
  for (const Stacked& stacked : stacked_) stacked.frames.list(blocks);
}

std::optional<std::size_t> Transitions::episode_count() const {
  if (options_.insertion == Insertion::kReservoir) return std::nullopt;
  return std::accumulate(
      episodes_.begin(), episodes_.end(), std::size_t{0},
      [](std::size_t sum, const Episodes& episodes) { return sum + episodes.size(); });
}

std::size_t Transitions::episode_bytes() const {
  return std::accumulate(
      episodes_.begin(), episodes_.end(), std::size_t{0},
      [](std::size_t sum, const Episodes& episodes) { return sum + episodes.size_bytes(); });
}

std::size_t Transitions::name_bytes() const {
  return std::accumulate(rings_.begin(), rings_.end(), std::size_t{0},
                         [](std::size_t sum, const Ring& ring) { return sum + ring.size_bytes(); });
}

Transitions::StoredEpisode Transitions::episode_at(std::uint64_t place) const {
  const std::size_t environment = place / options_.capacity;
  const Ring& ring = rings_[environment];
  const std::int64_t time = ring.time(place % options_.capacity);
  if (ring.is_reservoir()) return {environment, time, time, time + 1, time};
  const Episode episode = episodes_[environment].at(time, ring.count());
  return {environment, episode.begin, std::max(episode.begin, ring.oldest()), episode.end, time};
}

std::uint64_t Transitions::place_at(std::size_t environment, std::int64_t time) const {
  return environment * options_.capacity + rings_[environment].slot_of(time);
}

}  // namespace sharpwave
