#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include "sharpwave/memory.hpp"

namespace sharpwave::platform {

// VirtualAlloc commits against the page file at once, so there is nothing to touch; it aligns to
// 64 KiB, and large pages would need a privilege that users do not have.
std::byte* map_pages(std::size_t bytes) {
  return static_cast<std::byte*>(
      VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void unmap_pages(std::byte* data, std::size_t) { VirtualFree(data, 0, MEM_RELEASE); }

std::size_t available_memory() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof(status);
  GlobalMemoryStatusEx(&status);
  return static_cast<std::size_t>(status.ullAvailPageFile);
}

std::optional<std::size_t> huge_page_bytes(const Blocks&) { return std::nullopt; }

}  // namespace sharpwave::platform
