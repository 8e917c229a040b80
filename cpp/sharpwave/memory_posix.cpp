#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "sharpwave/memory.hpp"

namespace sharpwave::platform {
namespace {

constexpr std::string_view kHugeKey = "AnonHugePages:";
constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

void touch(std::byte* data, std::size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  if (madvise(data, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  // Kernels before 5.14: one write a page does the same.
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at < bytes; at += page) {
    *static_cast<volatile std::byte*>(data + at) = std::byte{0};
  }
}

// The system's own calls: C++ streams have answered 0 for every number where the package was built
// by a newer compiler than the C++ library that it ran on.
std::string contents(const std::string& path) {
  std::string text;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  std::array<char, 4096> piece{};
  for (ssize_t got = 0; (got = read(file, piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  close(file);
  return text;
}

std::size_t next_line(std::string_view text, std::size_t at) {
  return std::min(text.find('\n', at), text.size() - 1) + 1;
}

// The number that comes after `key`, which begins a line; an empty key asks for the first number.
std::size_t number_after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    if (text.starts_with(key)) {
      text.remove_prefix(std::min(text.find_first_not_of(' ', key.size()), text.size()));
      std::size_t value = kUnknown;  // "max" (no limit) is no number, and leaves it
      std::from_chars(text.data(), text.data() + text.size(), value);
      return value;
    }
    text.remove_prefix(next_line(text, 0));
  }
  return kUnknown;
}

// What a control group (version 2) leaves. Its cached files are given up when memory is wanted.
std::size_t left_in_group(const std::string& folder) {
  const std::size_t limit = number_after(contents(folder + "/memory.max"), "");
  const std::size_t current = number_after(contents(folder + "/memory.current"), "");
  if (limit == kUnknown || current == kUnknown) return kUnknown;
  const std::string stat = contents(folder + "/memory.stat");
  std::size_t used = current;
  for (const std::string_view kind : {"inactive_file", "active_file"}) {
    const std::size_t cached = number_after(stat, kind);
    if (cached != kUnknown) used -= std::min(used, cached);
  }
  return limit - std::min(limit, used);
}

// A container's limit may be far below the machine's memory: that of its group, or of one around
// it.
std::size_t container_memory() {
  constexpr std::string_view kVersion2 = "0::";
  const std::string groups = contents("/proc/self/cgroup");
  const std::size_t at = groups.find(kVersion2);
  const std::string folder = "/sys/fs/cgroup";
  std::size_t left = left_in_group(folder);
  if (at == std::string::npos) return left;
  const std::size_t begin = at + kVersion2.size();
  const std::string path = groups.substr(begin, groups.find('\n', begin) - begin);
  for (std::size_t end = 1; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    left = std::min(left, left_in_group(folder + path.substr(0, end)));
  }
  return left;
}

std::size_t machine_memory() {
  const std::size_t kibibytes = number_after(contents("/proc/meminfo"), "MemAvailable:");
  return kibibytes == kUnknown ? kUnknown : kibibytes * 1024;
}

// A mapping as /proc/self/smaps tells of it.
struct Mapping {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::size_t huge;
};

// Calls visit(mapping) for each one, and returns whether the system tells of any.
template <typename Visit>
bool each_mapping(Visit visit) {
  const std::string smaps = contents("/proc/self/smaps");
  Mapping mapping{};
  bool is_told = false;
  for (std::size_t at = 0; at < smaps.size(); at = next_line(smaps, at)) {
    char* end = nullptr;
    const std::uintptr_t begin = std::strtoull(&smaps[at], &end, 16);
    if (*end == '-') {
      mapping = {begin, std::strtoull(end + 1, nullptr, 16), 0};
    } else if (smaps.compare(at, kHugeKey.size(), kHugeKey) == 0) {
      mapping.huge = std::strtoull(&smaps[at + kHugeKey.size()], nullptr, 10) * 1024;
      visit(mapping);
      is_told = true;
    }
  }
  return is_told;
}

std::size_t shared_bytes(const Mapping& mapping, const Blocks& blocks) {
  std::size_t total = 0;
  for (const std::span<const std::byte> block : blocks) {
    const auto first = reinterpret_cast<std::uintptr_t>(block.data());
    const std::uintptr_t begin = std::max(mapping.begin, first);
    const std::uintptr_t end = std::min(mapping.end, first + block.size());
    if (begin < end) total += end - begin;
  }
  return total;
}

}  // namespace

std::byte* map_pages(std::size_t bytes) {
  const std::size_t reserved = bytes + kHugePage;
  void* const start =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(start);
  const std::size_t head =
      (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  std::byte* const data = begin + head;
  if (head != 0) munmap(begin, head);
  munmap(data + bytes, kHugePage - head);
#ifdef MADV_HUGEPAGE
  madvise(data, bytes, MADV_HUGEPAGE);  // a wish: without huge pages everything still works
#endif
  touch(data, bytes);
  return data;
}

void unmap_pages(std::byte* data, std::size_t bytes) { munmap(data, bytes); }

std::size_t available_memory() { return std::min(machine_memory(), container_memory()); }

std::optional<std::size_t> huge_page_bytes(const Blocks& blocks) {
  std::size_t total = 0;
  const bool is_told = each_mapping([&](const Mapping& mapping) {
    const std::size_t ours = shared_bytes(mapping, blocks);
    const std::size_t others = mapping.end - mapping.begin - ours;
    if (mapping.huge > others) total += std::min(mapping.huge - others, ours);
  });
  return is_told ? std::optional(total) : std::nullopt;
}

}  // namespace sharpwave::platform
