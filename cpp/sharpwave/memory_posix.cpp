#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>

#include "sharpwave/memory.hpp"

namespace sharpwave::platform {
namespace {

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

}  // namespace sharpwave::platform
