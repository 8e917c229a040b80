#include "sharpwave/gather.hpp"

#include <algorithm>
#include <cstring>

namespace sharpwave {
namespace {

using Rows = std::span<const std::uint64_t>;

// Rows of large fields that are copied before their successors are: few enough that a row which is
// another's successor is still in the cache.
constexpr std::size_t kColdTile = 8;

bool is_hot(const Column& column) { return column.bytes <= Table::kColdBytes; }

const Frames* frames_of(const Transitions& from, std::size_t field) {
  for (const auto& stacked : from.stacked()) {
    if (stacked.field == field) return &stacked.frames;
  }
  return nullptr;
}

}  // namespace

FieldGather gather_for(const Field& field) {
  const auto kernel = [&](Store store) { return kernels().gather_for(field, store); };
  return {kernel(Store::kCached), kernel(Store::kStreamed), field.sampled_bytes(),
          field.decode.divisor};
}

Gather::Gather(const Schema& schema, const Transitions& from, const NStep& n_step)
    : schema_(schema),
      from_(from),
      n_step_(n_step),
      obs_fields_(schema.obs().size()),
      reward_(schema.reward()) {
  const Table& table = from.table();
  std::size_t longest = table.records().bytes;
  for (std::size_t f = 0; f < table.columns().size(); ++f) {
    const Column& column = table.columns()[f];
    const Frames* const frames = frames_of(from, f);
    const Field& field = schema.fields()[f];
    const std::size_t offset = is_hot(column) ? table.offset(f) : 0;
    const FieldGather gather = gather_for(frames != nullptr ? field.frame() : field);
    const Path path{f, offset, gather, frames};
    longest = std::max({longest, column.bytes, frames == nullptr ? 0 : frames->frame_bytes()});
    if (is_hot(column) && f < obs_fields_) obs_bytes_ = offset + column.bytes;
    auto& plain = is_hot(column) ? hot_ : cold_;
    (frames != nullptr ? stacks_ : plain).push_back(path);
  }
  zeros_.resize(longest);
}

// The row, those of its window, and the obs at the head of the row behind.
std::size_t Gather::touched_bytes() const {
  const std::size_t record = from_.table().records().bytes;
  const std::size_t rows = std::min(n_step_.n_step(), kMostLines * kLine / record + 1);
  return std::min(rows * record + obs_bytes_, std::max(kMostLines * kLine, record + obs_bytes_));
}

const std::byte* Gather::next_record(const std::byte* record, Meta meta) const {
  const std::size_t stride = from_.table().records().stride;
  if (meta.successor == Meta::kNextRow) return record + stride;
  if (meta.successor == Meta::kFirstRow) return record + stride - from_.ring_capacity() * stride;
  return from_.side().record(meta.successor - Meta::kSide);
}

// Finds the records and their successors, and fills what is known of a row beside its fields.
void Gather::locate(Rows rows, std::size_t begin, const Target& to) {
  const Column records = from_.table().records();
  const std::size_t meta_offset = from_.table().meta_offset();
  auto* const terminated = to.column<bool>(to.layout.terminated) + begin;
  auto* const truncated = to.column<bool>(to.layout.truncated) + begin;
  auto* const discount = to.column<float>(to.layout.discount) + begin;
  const auto gamma = static_cast<float>(n_step_.gamma());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::byte* const record = records.row(rows[i]);
    Meta meta{};
    std::memcpy(&meta, record + meta_offset, sizeof(meta));
    const bool is_linked = meta.successor == Meta::kNextRow;
    terminated[i] = meta.terminated;
    truncated[i] = meta.truncated;
    discount[i] = meta.terminated ? 0.0F : gamma;
    records_[i] = record;
    next_records_[i] = is_linked ? record + records.stride : next_record(record, meta);
  }
}

// The same for windows of several rows, and for padding.
void Gather::locate_windows(Rows rows, std::size_t begin, const Target& to) {
  const Table& table = from_.table();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Window window{kPadding, 0.0F, 0.0F};
    Meta meta{};
    records_[i] = zeros_.data();
    next_records_[i] = zeros_.data();
    if (rows[i] != kPadding) {
      window = n_step_.window(rows[i]);
      meta = table.meta(window.last);
      records_[i] = table.records().row(rows[i]);
      next_records_[i] = next_record(table.records().row(window.last), meta);
    }
    to.column<bool>(to.layout.terminated)[begin + i] = meta.terminated;
    to.column<bool>(to.layout.truncated)[begin + i] = meta.truncated;
    to.column<float>(to.layout.discount)[begin + i] = window.discount;
    rewards_[i] = window.reward;
    lasts_[begin + i] = window.last;
  }
}

void Gather::copy_hot(Rows rows, std::size_t begin, const Target& to) {
  const bool has_windows = n_step_.n_step() > 1 || to.layout.options.has_mask;
  lasts_.resize(has_windows ? to.layout.rows : 0);
  if (has_windows) {
    locate_windows(rows, begin, to);
  } else {
    locate(rows, begin, to);
  }
  for (const Path& path : hot_) {
    std::byte* const out = to.block + begin * path.gather.bytes;
    path.gather(out + to.layout.fields[path.field], records_.data(), path.offset, rows.size());
    if (path.field >= obs_fields_) continue;
    path.gather(out + to.layout.next_obs[path.field], next_records_.data(), path.offset,
                rows.size());
  }
  if (has_windows) {
    float* const reward = to.column<float>(to.layout.fields[reward_]) + begin;
    std::copy_n(rewards_.begin(), rows.size(), reward);
  }
  for (const Path& path : stacks_) copy_stacks(path, rows.size(), begin, to);
}

// A row's stack and its successor's in turn: most of their frames are the same. The next row's
// frames are asked for before, by their heads: the hardware's streamer does the rest.
void Gather::copy_stacks(const Path& path, std::size_t count, std::size_t begin, const Target& to) {
  const std::size_t depth = path.frames->depth();
  const std::size_t bytes = depth * path.gather.bytes;
  std::byte* obs = to.block + to.layout.fields[path.field] + begin * bytes;
  std::byte* next_obs = to.block + to.layout.next_obs[path.field] + begin * bytes;
  frames_.resize(2 * count * depth);
  const std::byte** at = frames_.data();
  for (std::size_t i = 0; i < count; ++i) {
    at = locate_frames(path, records_[i], at);
    at = locate_frames(path, next_records_[i], at);
  }
  const std::span<const std::byte* const> frames = frames_;
  for (std::size_t i = 0; i < count; ++i, obs += bytes, next_obs += bytes) {
    const auto own = frames.subspan(2 * i * depth);
    if (i + 1 < count) prefetch_heads(path, own.subspan(2 * depth, depth));
    path.gather(obs, own.data(), 0, depth, to.store());
    path.gather(next_obs, own.data() + depth, 0, depth, to.store());
  }
}

const std::byte** Gather::locate_frames(const Path& path, const std::byte* record,
                                        const std::byte** out) const {
  const std::size_t depth = path.frames->depth();
  if (record == zeros_.data()) return std::fill_n(out, depth, record);
  for (std::size_t i = 0; i < depth; ++i) {
    Frames::Reference frame = 0;
    std::memcpy(&frame, record + path.offset + i * sizeof(frame), sizeof(frame));
    *out++ = path.frames->at(frame);
  }
  return out;
}

void Gather::prefetch_heads(const Path& path, std::span<const std::byte* const> frames) {
  constexpr std::size_t kHead = 512;
  const std::size_t head = std::min(path.frames->frame_bytes(), kHead);
  for (const std::byte* const frame : frames) {
    for (std::size_t at = 0; at < head; at += kLine) prefetch(frame + at);
  }
}

const std::byte* Gather::successor(std::size_t field, std::uint64_t row) const {
  const Column& column = from_.table().columns()[field];
  const Meta& meta = from_.table().meta(row);
  if (meta.successor == Meta::kNextRow) return column.row(row + 1);
  if (meta.successor == Meta::kFirstRow) return column.row(row + 1 - from_.ring_capacity());
  return from_.side().at(field, meta.successor - Meta::kSide);
}

std::size_t Gather::value_bytes(std::size_t field) const {
  return schema_.fields()[field].sampled_bytes();
}

void Gather::copy_successor(std::size_t field, std::uint64_t row, std::byte* out) const {
  const std::byte* const at = successor(field, row);
  gather_for(schema_.fields()[field])(out, &at, 0, 1);
}

void Gather::copy_cold(Rows rows, const Target& to) {
  const Rows lasts = lasts_.empty() ? rows : Rows(lasts_);
  std::array<const std::byte*, kColdTile> pointers{};
  for (const Path& path : cold_) {
    const Column& column = from_.table().columns()[path.field];
    for (std::size_t begin = 0; begin < rows.size(); begin += kColdTile) {
      const std::size_t count = std::min(kColdTile, rows.size() - begin);
      std::byte* const out = to.block + begin * path.gather.bytes;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t row = rows[begin + i];
        pointers[i] = row == kPadding ? zeros_.data() : column.row(row);
      }
      path.gather(out + to.layout.fields[path.field], pointers.data(), 0, count, to.store());
      if (path.field >= obs_fields_) continue;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t row = lasts[begin + i];
        pointers[i] = row == kPadding ? zeros_.data() : successor(path.field, row);
      }
      path.gather(out + to.layout.next_obs[path.field], pointers.data(), 0, count, to.store());
    }
  }
}

}  // namespace sharpwave
