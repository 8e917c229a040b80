// What is stored, to an archive and back. Side rows and frames have numbers that depend on all that
// ever happened; in an archive they are numbered as they are met, which says all that matters of
// them and is easily checked.

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "sharpwave/error.hpp"
#include "sharpwave/transitions.hpp"

namespace sharpwave {
namespace {

using Reference = Frames::Reference;

constexpr std::uint32_t kUnseen = UINT32_MAX;

std::string segment_of(const char* what, std::size_t field) {
  return std::string(what) + "." + std::to_string(field);
}

// Numbers things in the order in which they are met.
class Numbering {
 public:
  explicit Numbering(std::size_t things) : number_(things, kUnseen) {}

  std::uint32_t operator()(std::uint32_t thing) {
    if (number_[thing] == kUnseen) {
      number_[thing] = static_cast<std::uint32_t>(order_.size());
      order_.push_back(thing);
    }
    return number_[thing];
  }
  [[nodiscard]] const std::vector<std::uint32_t>& order() const { return order_; }

 private:
  std::vector<std::uint32_t> number_;
  std::vector<std::uint32_t> order_;
};

std::vector<std::int64_t> numbers(const Ring::State& ring) {
  return {static_cast<std::int64_t>(ring.size), static_cast<std::int64_t>(ring.newest), ring.count,
          ring.begun};
}

template <typename Row>
void read_rows(ArchiveReader& from, const std::string& name, std::size_t rows, std::size_t bytes,
               Row row) {
  from.open(name, rows * bytes);
  for (std::size_t i = 0; i < rows; ++i) from.read({row(i), bytes});
  from.close();
}

// Whether a row may have this Meta at this slot of its ring. Side rows are numbered as they are
// met.
bool is_possible(const Meta& meta, std::uint8_t other_flags, bool is_reservoir,
                 std::uint32_t next_side) {
  const bool is_newest = (other_flags & Meta::kNewest) != 0;
  const bool is_last = (other_flags & Meta::kLastSlot) != 0;
  if ((meta.flags & ~Meta::kCut) != other_flags) return false;
  if (is_reservoir && !meta.is_cut()) return false;
  if (meta.successor >= Meta::kSide) return meta.successor - Meta::kSide == next_side;
  return !is_newest && !is_reservoir &&
         meta.successor == (is_last ? Meta::kFirstRow : Meta::kNextRow);
}

}  // namespace

template <typename Visit>
void Transitions::each_row(Visit visit) const {
  for (std::size_t environment = 0; environment < rings_.size(); ++environment) {
    for (std::size_t slot = 0; slot < rings_[environment].size(); ++slot) {
      visit(environment * options_.capacity + slot);
    }
  }
}

void Transitions::save(ArchiveWriter& to) const {
  std::vector<std::int64_t> rings;
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> episodes;
  std::vector<std::int64_t> begins;
  for (std::size_t environment = 0; environment < rings_.size(); ++environment) {
    const Ring::State ring = rings_[environment].state();
    const auto all = numbers(ring);
    rings.insert(rings.end(), all.begin(), all.end());
    times.insert(times.end(), ring.times.begin(), ring.times.end());
    const auto begun = episodes_[environment].begins();
    episodes.push_back(static_cast<std::int64_t>(begun.size()));
    begins.insert(begins.end(), begun.begin(), begun.end());
  }
  to.put<std::int64_t>("rings", rings);
  to.put<std::int64_t>("times", times);
  to.put<std::int64_t>("episodes", episodes);
  to.put<std::int64_t>("begins", begins);
  to.put<std::uint8_t>("reset_follows", reset_follows_);
  to.put<std::uint64_t>("reservoir_rng", rng_.state());
  save_metas(to);
  for (std::size_t f = 0; f < schema_.fields().size(); ++f) {
    if (!schema_.fields()[f].is_stack()) save_field(to, f);
  }
  for (const Stacked& stacked : stacked_) save_stacks(to, stacked);
}

void Transitions::save_metas(ArchiveWriter& to) const {
  std::vector<Meta> metas;
  metas.reserve(size());
  std::uint32_t sides = 0;
  each_row([&](std::uint64_t place) {
    Meta meta{};  // every byte is written
    std::memcpy(&meta, &table_.meta(place), sizeof(meta));
    if (meta.successor >= Meta::kSide) meta.successor = Meta::kSide + sides++;
    metas.push_back(meta);
  });
  to.put<Meta>("metas", metas);
}

// The rows' values, then those of their side rows.
void Transitions::save_field(ArchiveWriter& to, std::size_t field) const {
  const Column& column = table_.columns()[field];
  Staging staging(to);
  to.begin(segment_of("field", field));
  each_row([&](std::uint64_t place) { staging.write(column.row(place), column.bytes); });
  staging.flush();
  if (field >= schema_.obs().size()) return;
  to.begin(segment_of("side", field));
  each_row([&](std::uint64_t place) {
    const std::uint32_t successor = table_.meta(place).successor;
    if (successor < Meta::kSide) return;
    staging.write(side_.at(field, successor - Meta::kSide), column.bytes);
  });
  staging.flush();
}

void Transitions::save_stacks(ArchiveWriter& to, const Stacked& stacked) const {
  const auto& [field, frames] = stacked;
  Numbering number(frames.known());
  std::vector<Reference> all;
  const auto add = [&, depth = frames.depth()](const std::byte* stack) {
    const auto* const references = reinterpret_cast<const Reference*>(stack);
    for (std::size_t i = 0; i < depth; ++i) all.push_back(number(references[i]));
  };
  each_row([&, field = field](std::uint64_t place) { add(table_.columns()[field].row(place)); });
  to.put<Reference>(segment_of("field", field), all);
  all.clear();
  each_row([&, field = field](std::uint64_t place) {
    const std::uint32_t successor = table_.meta(place).successor;
    if (successor >= Meta::kSide) add(side_.at(field, successor - Meta::kSide));
  });
  to.put<Reference>(segment_of("side", field), all);
  to.begin(segment_of("frames", field));
  Staging staging(to);
  for (const Reference frame : number.order())
    staging.write(frames.at(frame), frames.frame_bytes());
  staging.flush();
}

void Transitions::restore(ArchiveReader& from) {
  restore_rings(from);
  restore_episodes(from);
  reset_follows_ = from.get<std::uint8_t>("reset_follows", rings_.size());
  const auto rng = from.get<std::uint64_t>("reservoir_rng", Rng::State{}.size());
  Rng::State state{};
  std::copy(rng.begin(), rng.end(), state.begin());
  rng_ = Rng(state);
  restore_metas(from);
  for (std::size_t f = 0; f < schema_.fields().size(); ++f) {
    if (!schema_.fields()[f].is_stack()) restore_field(from, f);
  }
  for (Stacked& stacked : stacked_) restore_stacks(from, stacked);
}

void Transitions::restore_rings(ArchiveReader& from) {
  constexpr std::size_t kNumbers = 4;
  const auto all = from.get<std::int64_t>("rings", kNumbers * rings_.size());
  std::size_t stored = 0;
  for (std::size_t e = 0; e < rings_.size(); ++e) {
    const auto rows = static_cast<std::size_t>(all[kNumbers * e]);
    if (rows > options_.capacity) throw Damaged("rings: more rows than the capacity");
    stored += rows;
  }
  const bool is_reservoir = options_.insertion == Insertion::kReservoir;
  const auto times = from.get<std::int64_t>("times", is_reservoir ? stored : 0);
  auto next = times.begin();
  for (std::size_t e = 0; e < rings_.size(); ++e) {
    const std::int64_t* const ring = &all[kNumbers * e];
    const auto end = next + (is_reservoir ? ring[0] : 0);
    rings_[e].restore({static_cast<std::uint64_t>(ring[0]),
                       static_cast<std::uint64_t>(ring[1]),
                       ring[2],
                       ring[3],
                       {next, end}});
    next = end;
  }
}

void Transitions::restore_episodes(ArchiveReader& from) {
  const auto counts = from.get<std::int64_t>("episodes", rings_.size());
  const auto begins = from.get<std::int64_t>("begins", from.bytes("begins") / sizeof(std::int64_t));
  auto next = begins.begin();
  for (std::size_t e = 0; e < rings_.size(); ++e) {
    const Ring& ring = rings_[e];
    if (counts[e] < 0 || counts[e] > begins.end() - next) throw Damaged("episodes: wrong counts");
    const std::int64_t oldest = ring.is_reservoir() ? ring.count() : ring.oldest();
    episodes_[e].restore({next, next + counts[e]}, oldest, ring.count());
    next += counts[e];
  }
}

void Transitions::restore_metas(ArchiveReader& from) {
  const auto metas = from.get<Meta>("metas", size());
  const auto has_side = [](const Meta& meta) { return meta.successor >= Meta::kSide; };
  const auto sides = static_cast<std::size_t>(std::count_if(metas.begin(), metas.end(), has_side));
  side_.reserve(sides);
  std::size_t row = 0;
  std::uint32_t met = 0;
  each_row([&](std::uint64_t place) {
    const Ring& ring = rings_[place / options_.capacity];
    const std::size_t slot = place % options_.capacity;
    const int flags = (slot == ring.newest_slot() ? Meta::kNewest : 0) |
                      (slot + 1 == ring.capacity() ? Meta::kLastSlot : 0);
    Meta meta = metas[row++];
    std::array<std::uint8_t, 2> ends{};
    std::memcpy(ends.data(), &meta, ends.size());  // a bool that is neither 0 nor 1 is not read
    const bool is_good =
        ends[0] <= 1 && ends[1] <= 1 &&
        is_possible(meta, static_cast<std::uint8_t>(flags), ring.is_reservoir(), met);
    if (!is_good) throw Damaged("metas: row " + std::to_string(row - 1) + " is no row of a ring");
    if (has_side(meta)) {
      meta.successor = Meta::kSide + side_.acquire();
      ++met;
    }
    table_.meta(place) = meta;
  });
}

void Transitions::restore_field(ArchiveReader& from, std::size_t field) {
  const Column& column = table_.columns()[field];
  std::vector<std::byte*> rows;
  std::vector<std::byte*> sides;
  each_row([&](std::uint64_t place) {
    rows.push_back(column.row(place));
    const std::uint32_t successor = table_.meta(place).successor;
    if (field < schema_.obs().size() && successor >= Meta::kSide) {
      sides.push_back(side_.at(field, successor - Meta::kSide));
    }
  });
  const auto read = [&](const char* what, const std::vector<std::byte*>& to) {
    read_rows(from, segment_of(what, field), to.size(), column.bytes,
              [&](std::size_t i) { return to[i]; });
  };
  read("field", rows);
  if (field < schema_.obs().size()) read("side", sides);
}

std::vector<Reference> Transitions::restore_frames(ArchiveReader& from, Stacked& stacked) {
  auto& [field, frames] = stacked;
  const std::string name = segment_of("frames", field);
  const std::uint64_t count = from.bytes(name) / frames.frame_bytes();
  if (count > frames.depth() * (size() + side_.in_use())) {
    throw Damaged("frames: more than any stack refers to");
  }
  frames.reserve(count);
  std::vector<Reference> kept(count);
  std::vector<std::byte> frame(frames.frame_bytes());
  from.open(name, count * frames.frame_bytes());
  for (Reference& each : kept) {
    from.read(frame);
    each = frames.keep(frame.data());
  }
  from.close();
  return kept;
}

void Transitions::restore_stacks(ArchiveReader& from, Stacked& stacked) {
  auto& [field, frames] = stacked;
  const std::size_t depth = frames.depth();
  const std::vector<Reference> kept = restore_frames(from, stacked);
  std::uint32_t met = 0;
  std::vector<Reference> stack(depth);
  const auto put = [&, &pool = frames](const Reference* numbered, std::byte* to) {
    for (std::size_t i = 0; i < depth; ++i) {
      const Reference number = numbered[i];
      if (number > met || number >= kept.size()) throw Damaged("frames: a stack of no frames");
      if (number == met) ++met;
      stack[i] = kept[number];
    }
    pool.use(stack.data());
    std::memcpy(to, stack.data(), depth * sizeof(Reference));
  };
  const auto own = from.get<Reference>(segment_of("field", field), depth * size());
  const auto next = from.get<Reference>(segment_of("side", field), depth * side_.in_use());
  std::size_t row = 0;
  std::size_t side = 0;
  each_row([&, f = field](std::uint64_t place) {
    put(&own[depth * row++], table_.columns()[f].row(place));
  });
  each_row([&, f = field](std::uint64_t place) {
    const std::uint32_t successor = table_.meta(place).successor;
    if (successor < Meta::kSide) return;
    put(&next[depth * side++], side_.at(f, successor - Meta::kSide));
  });
  if (met != kept.size()) throw Damaged("frames: one that no stack refers to");
}

}  // namespace sharpwave
