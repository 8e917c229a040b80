#pragma once
// Memory: zeroed, 64-byte aligned bytes that are really there.
//
// Threads: one owner. Ownership: the bytes live as long as the object.
// Invariants: (1) pages are touched at construction, so a later write never faults, and a size
//             that does not fit fails here and not hours later; (2) blocks of 2 MiB and more
//             start on a huge-page boundary and ask for huge pages.
// Cost: construction touches every page (0.1 to 0.5 s a GiB); access is free.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace sharpwave {

class Memory {
 public:
  Memory() = default;
  // THROWS OutOfMemory.
  explicit Memory(std::size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Where an owner's memory lies.
using Blocks = std::vector<std::span<const std::byte>>;

// THROWS OutOfMemory when `bytes` exceeds what the machine has left, with both numbers in `what`.
// A system that promises more than it has would kill the process later instead.
void check_memory_available(std::size_t bytes);

// The platform's part: memory_posix.cpp and memory_windows.cpp.
namespace platform {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Zeroed and touched pages on a huge-page boundary, or nullptr. REQUIRES: bytes % kHugePage == 0.
std::byte* map_pages(std::size_t bytes);
void unmap_pages(std::byte* data, std::size_t bytes);
// Bytes that can still be had, or the largest size_t where the platform does not say.
std::size_t available_memory();
// How many bytes of these blocks certainly lie in huge pages, or nothing where the platform does
// not say. The system counts by mapping: what a block shares one with is taken to be huge first.
// Only addresses are looked at: the blocks may be gone.
std::optional<std::size_t> huge_page_bytes(const Blocks& blocks);

}  // namespace platform
}  // namespace sharpwave
