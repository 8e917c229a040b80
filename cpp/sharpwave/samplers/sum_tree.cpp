#include "sharpwave/samplers/sum_tree.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace sharpwave {
namespace {

constexpr std::size_t kFan = 16;
// So many changes are summed at once: enough to share the upper levels, and small in the cache.
constexpr std::size_t kList = 1024;

std::size_t parents_of(std::size_t children) { return (children + kFan - 1) / kFan; }

// What lies where in a tree's memory.
struct Layout {
  Layout(std::size_t leaves, bool has_smallest) {
    const std::size_t lines = parents_of(leaves);
    bytes = lines * kFan * sizeof(float);
    for (std::size_t nodes = parents_of(lines);; nodes = parents_of(nodes)) {
      levels.push_back(take(nodes, nodes * sizeof(SumNode)));
      if (nodes == 1) break;
    }
    crown = take(1, sizeof(SumNode));
    if (!has_smallest) return;
    smallest.push_back(take(lines, parents_of(lines) * kFan * sizeof(float)));
    for (const Part& level : levels) {
      smallest.push_back(take(level.count, parents_of(level.count) * kFan * sizeof(float)));
    }
  }

  struct Part {
    std::size_t at;
    std::size_t count;
  };
  Part take(std::size_t count, std::size_t part_bytes) {
    const Part part{bytes, count};
    bytes += part_bytes;
    return part;
  }

  std::vector<Part> levels;
  std::vector<Part> smallest;
  Part crown{};
  std::size_t bytes = 0;
};

}  // namespace

std::size_t SumTree::bytes(std::size_t leaves, WithSmallest smallest) {
  return Layout(leaves, smallest == WithSmallest::kYes).bytes;
}

SumTree::SumTree(std::size_t leaves, WithSmallest smallest)
    : kernels_(&kernels()), size_(leaves), memory_(bytes(leaves, smallest)) {
  const Layout layout(leaves, smallest == WithSmallest::kYes);
  std::byte* const begin = memory_.data();
  leaves_ = reinterpret_cast<float*>(begin);
  for (const auto& [at, count] : layout.levels) {
    levels_.push_back({reinterpret_cast<SumNode*>(begin + at), count});
  }
  crown_ = reinterpret_cast<SumNode*>(begin + layout.crown.at);
  for (const auto& part : layout.smallest) {
    smallest_.push_back(reinterpret_cast<float*>(begin + part.at));
  }
  is_listed_.resize(levels_.front().count);
}

void SumTree::set(std::span<const std::uint64_t> places, std::span<const float> values) {
  std::array<std::uint32_t, kList> list;  // NOLINT: filled below
  for (std::size_t at = 0; at < places.size(); at += kList) {
    const auto some = places.subspan(at, std::min(kList, places.size() - at));
    for (const std::uint64_t place : some) {
      prefetch(leaves_ + stand(place));
      prefetch(&levels_.front().nodes[place / (kFan * kFan)]);
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      leaves_[stand(some[i])] = values[at + i];
      list[i] = static_cast<std::uint32_t>(some[i] / kFan);
    }
    settle(std::span(list).first(some.size()));
  }
}

void SumTree::fill(std::span<const PlaceRange> ranges, float value) {
  std::array<std::uint32_t, kList> list;  // NOLINT: filled below
  std::size_t listed = 0;
  for (const PlaceRange& range : ranges) {
    for (std::uint64_t place = range.first; place < range.end;) {
      const std::uint64_t end = std::min(range.end, (place / kFan + 1) * kFan);
      list[listed++] = static_cast<std::uint32_t>(place / kFan);
      for (; place < end; ++place) leaves_[stand(place)] = value;
      if (listed < kList) continue;
      settle(list);
      listed = 0;
    }
  }
  settle(std::span(list).first(listed));
}

void SumTree::clear() { std::memset(memory_.data(), 0, memory_.size()); }

void SumTree::get(std::span<const std::uint64_t> places, std::span<float> out) const {
  for (std::size_t i = 0; i < places.size(); ++i) out[i] = leaf(places[i]);
}

void SumTree::read(std::span<float> leaves) const {
  for (std::size_t place = 0; place < size_; ++place) leaves[place] = leaf(place);
}

void SumTree::write(std::span<const float> leaves) {
  for (std::size_t place = 0; place < size_; ++place) leaves_[stand(place)] = leaves[place];
  std::array<std::uint32_t, kList> list;  // NOLINT: filled below
  const std::size_t lines = parents_of(size_);
  for (std::size_t at = 0; at < lines; at += kList) {
    const std::size_t count = std::min(kList, lines - at);
    for (std::size_t i = 0; i < count; ++i) list[i] = static_cast<std::uint32_t>(at + i);
    settle(std::span(list).first(count));
  }
}

void SumTree::descend(std::span<double> mass, std::span<std::uint64_t> lines) const {
  std::fill(lines.begin(), lines.end(), 0);
  for (std::size_t level = levels_.size() - 1; level > 0; --level) {
    kernels_->descend(levels_[level].nodes, levels_[level - 1].nodes, lines.data(), mass.data(),
                      lines.size());
  }
  kernels_->descend_to_lines(levels_.front().nodes, leaves_, lines.data(), mass.data(),
                             lines.size());
}

std::size_t SumTree::list_parents(std::span<std::uint32_t> list) {
  std::size_t listed = 0;
  for (const std::uint32_t node : list) {
    const auto parent = static_cast<std::uint32_t>(node / kFan);
    list[listed] = parent;
    listed += 1U - is_listed_[parent];
    is_listed_[parent] = 1;
  }
  for (std::size_t i = 0; i < listed; ++i) is_listed_[list[i]] = 0;
  return listed;
}

void SumTree::settle(std::span<std::uint32_t> list) {
  kernels_->sum_lines(leaves_, list.data(), list.size(), levels_.front().nodes);
  if (!smallest_.empty()) {
    kernels_->smallest(leaves_, list.data(), list.size(), smallest_.front());
  }
  std::size_t count = list.size();
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    count = list_parents(list.first(count));
    SumNode* const parents = level + 1 < levels_.size() ? levels_[level + 1].nodes : crown_;
    kernels_->sum_nodes(levels_[level].nodes, list.data(), count, parents);
    if (smallest_.empty()) continue;
    kernels_->smallest(smallest_[level], list.data(), count, smallest_[level + 1]);
  }
}

}  // namespace sharpwave
