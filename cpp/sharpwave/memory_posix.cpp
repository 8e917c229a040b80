#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
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

std::size_t read_number(const char* path) {
  std::ifstream file(path);
  std::size_t value = 0;
  return file >> value ? value : kUnknown;  // "max" (no limit) does not parse
}

// A container's limit (control groups, version 2) may be far below the machine's memory.
std::size_t container_memory() {
  const std::size_t limit = read_number("/sys/fs/cgroup/memory.max");
  const std::size_t used = read_number("/sys/fs/cgroup/memory.current");
  return limit == kUnknown || used == kUnknown ? kUnknown : limit - std::min(limit, used);
}

std::size_t machine_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string key, unit; file >> key;) {
    std::size_t kibibytes = 0;
    if (!(file >> kibibytes)) return kUnknown;
    if (key == "MemAvailable:") return kibibytes * 1024;
    std::getline(file, unit);
  }
  return kUnknown;
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
  std::ifstream file("/proc/self/smaps");
  Mapping mapping{};
  bool is_told = false;
  for (std::string line; std::getline(file, line);) {
    char* end = nullptr;
    const std::uintptr_t begin = std::strtoull(line.c_str(), &end, 16);
    if (*end == '-') {
      mapping = {begin, std::strtoull(end + 1, nullptr, 16), 0};
    } else if (line.starts_with(kHugeKey)) {
      mapping.huge = std::strtoull(&line[kHugeKey.size()], nullptr, 10) * 1024;
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
