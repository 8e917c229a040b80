#pragma once
// Transitions: what is stored of every environment. Rows lie in rings; an observation that is one
// row's successor and the next one's beginning lies there once, and so does each frame of a stack.
//
// Threads: none; the owner locks. Ownership: owns all storage; refers to the owner's schema.
// Invariants: (1) a stored row is, bit for bit, what was added; (2) the newest row of a ring has
//             its successor in a side row; (3) add() after reserve() cannot fail.
// Cost: the bytes of a row, compared once and copied once.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sharpwave/archive.hpp"
#include "sharpwave/episode.hpp"
#include "sharpwave/frame_stack.hpp"
#include "sharpwave/ring.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/schema.hpp"
#include "sharpwave/successor.hpp"
#include "sharpwave/table.hpp"

namespace sharpwave {

// Steps of some environments, in order: `steps` times one row for each of `environments`.
// Every pointer is to steps * environments.size() values, row after row.
struct Steps {
  std::size_t steps;
  std::span<const std::uint32_t> environments;
  std::span<const std::byte* const> fields;    // one a schema field
  std::span<const std::byte* const> next_obs;  // one an obs field
  const bool* terminated;
  const bool* truncated;

  [[nodiscard]] std::size_t rows() const { return steps * environments.size(); }
};

struct RingOptions {
  std::size_t environments;
  std::size_t capacity;  // rows of each environment
  Insertion insertion;
  // The row that follows an end is the environment's reset and no transition (Gymnasium's
  // "next_step" autoreset).
  bool skip_resets;
  std::uint64_t seed;  // of the reservoirs
};

class Transitions {
 public:
  // The frames of one stacked obs field.
  struct Stacked {
    std::size_t field;
    Frames frames;
  };

  // THROWS InvalidValue, OutOfMemory.
  Transitions(const Schema& schema, const RingOptions& options);

  // Makes room for these steps. THROWS OutOfMemory, and then nothing has changed.
  void reserve(const Steps& steps);
  // Brings into the cache what add() of this environment will touch: environments lie far apart.
  void expect(std::size_t environment) const;

  // Copies one row of the steps in, and returns its place: nothing where the row is a reset or a
  // reservoir lets it pass. REQUIRES: room from reserve().
  std::optional<std::uint64_t> add(const Steps& steps, std::size_t row, std::size_t environment);

  // The stream of this environment is cut here, as by an explicit reset.
  void end_episode(std::size_t environment);
  void clear();
  // A process that was forked lets pass what its siblings keep, and the other way round.
  void reseed(std::uint64_t seed) { rng_ = Rng(seed); }

  // All that is stored, in segments of an archive (docs/format.md), and back into an instance that
  // was made with the same schema and options and is empty. THROWS FileFailed; Damaged, after which
  // this instance is of no use.
  void save(ArchiveWriter& to) const;
  void restore(ArchiveReader& from);

  [[nodiscard]] const Table& table() const { return table_; }
  [[nodiscard]] const SideRows& side() const { return side_; }
  [[nodiscard]] std::span<const Stacked> stacked() const { return stacked_; }
  [[nodiscard]] std::span<const Ring> rings() const { return rings_; }
  [[nodiscard]] std::size_t ring_capacity() const { return options_.capacity; }
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t size_bytes() const;
  // Appends where its memory lies.
  void list(Blocks& blocks) const;
  // How many episodes have a stored row; nothing in reservoirs, whose rows have no neighbours.
  [[nodiscard]] std::optional<std::size_t> episode_count() const;
  // What the tables of episodes take, and a reservoir's books.
  [[nodiscard]] std::size_t episode_bytes() const;
  [[nodiscard]] std::size_t name_bytes() const;

  // A row's place, its name, and the way back; the name of a row that is not stored has no place.
  // Here, so that the loops over a batch need no call; a division is what several environments
  // cost.
  [[nodiscard]] std::int64_t index_at(std::uint64_t place) const {
    if (rings_.size() == 1) return rings_.front().time(place);
    const std::size_t environment = place / options_.capacity;
    const std::int64_t time = rings_[environment].time(place - environment * options_.capacity);
    return time * static_cast<std::int64_t>(rings_.size()) + static_cast<std::int64_t>(environment);
  }
  [[nodiscard]] std::optional<std::uint64_t> place_of(std::int64_t index) const {
    if (index < 0) return std::nullopt;
    const auto [environment, time] = named(index);
    const std::optional<std::size_t> slot = rings_[environment].find(time);
    if (!slot) return std::nullopt;
    return environment * options_.capacity + *slot;
  }
  // Whether some row was ever given this name.
  [[nodiscard]] bool was_given(std::int64_t index) const {
    if (index < 0) return false;
    const auto [environment, time] = named(index);
    return time < rings_[environment].count();
  }
  // The episode of a stored row, as far as it is stored: places are in order, and the k-th row
  // behind `first` is at(k).
  struct StoredEpisode {
    std::size_t environment;
    std::int64_t begin;         // when the episode began
    std::int64_t stored_begin;  // of its first row that is still stored
    std::int64_t end;           // behind its last row so far
    std::int64_t time;          // of the row asked for
  };
  [[nodiscard]] StoredEpisode episode_at(std::uint64_t place) const;
  // When the environment's episodes began that have a stored row. Empty in reservoirs.
  [[nodiscard]] std::span<const std::int64_t> episode_begins(std::size_t environment) const {
    return episodes_[environment].begins();
  }
  // REQUIRES: a row of this time is stored.
  [[nodiscard]] std::uint64_t place_at(std::size_t environment, std::int64_t time) const;

 private:
  struct Name {
    std::size_t environment;
    std::int64_t time;
  };
  [[nodiscard]] Name named(std::int64_t index) const {
    if (rings_.size() == 1) return {0, index};
    const auto environments = static_cast<std::int64_t>(rings_.size());
    return {static_cast<std::size_t>(index % environments), index / environments};
  }

  void store(const Steps& steps, std::size_t row, std::size_t environment, std::size_t slot);
  void store_stacks(const Steps& steps, std::size_t row, const Meta* newest, bool is_linked);
  void write(const Steps& steps, std::size_t row, std::uint64_t place, std::uint32_t side);
  void begin_episode_if_new(std::size_t environment, const Meta* newest);
  void evict(std::uint64_t place);
  void link_newest(std::size_t environment);
  [[nodiscard]] Meta* newest(std::size_t environment) const;
  // Whether the obs of this row is, bit for bit, the successor of the environment's newest row.
  [[nodiscard]] bool continues(const Steps& steps, std::size_t row, const Meta* newest) const;
  [[nodiscard]] bool follows(const Steps& steps, std::size_t row, std::size_t before) const;
  [[nodiscard]] std::size_t side_rows_needed(const Steps& steps) const;
  [[nodiscard]] std::size_t frames_needed(const Steps& steps, const Stacked& stacked) const;
  [[nodiscard]] const Stacked* stacked(std::size_t field) const;

  // Of save() and restore(), in transitions_archive.cpp.
  template <typename Visit>
  void each_row(Visit visit) const;
  void save_metas(ArchiveWriter& to) const;
  void save_field(ArchiveWriter& to, std::size_t field) const;
  void save_stacks(ArchiveWriter& to, const Stacked& stacked) const;
  void restore_rings(ArchiveReader& from);
  void restore_episodes(ArchiveReader& from);
  void restore_metas(ArchiveReader& from);
  void restore_field(ArchiveReader& from, std::size_t field);
  std::vector<Frames::Reference> restore_frames(ArchiveReader& from, Stacked& stacked);
  void restore_stacks(ArchiveReader& from, Stacked& stacked);

  // Immutable after construction.
  const Schema& schema_;
  RingOptions options_;

  Table table_;
  SideRows side_;
  std::vector<Stacked> stacked_;
  std::vector<Ring> rings_;
  std::vector<Episodes> episodes_;           // one an environment; unused by reservoirs
  std::vector<std::uint8_t> reset_follows_;  // one an environment; only with skip_resets
  Rng rng_;                                  // of the reservoirs
  std::vector<Frames::Reference> stacks_;    // scratch: of the row being stored, then its successor
};

}  // namespace sharpwave
