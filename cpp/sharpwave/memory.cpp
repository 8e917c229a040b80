#include "sharpwave/memory.hpp"

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::align_val_t kAlignment{64};

bool is_mapped(std::size_t bytes) { return bytes >= platform::kHugePage; }

std::size_t round_up(std::size_t bytes) {
  return (bytes + platform::kHugePage - 1) / platform::kHugePage * platform::kHugePage;
}

[[noreturn]] void refuse(std::size_t bytes, const std::string& why) {
  throw OutOfMemory("needs " + std::to_string(bytes) + " bytes, but " + why +
                    "; lower the capacity or store smaller observations");
}

std::byte* allocate(std::size_t bytes) {
  if (is_mapped(bytes)) return platform::map_pages(round_up(bytes));
  void* const data = ::operator new(bytes, kAlignment, std::nothrow);
  return data == nullptr ? nullptr : static_cast<std::byte*>(std::memset(data, 0, bytes));
}

}  // namespace

Memory::Memory(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes > SIZE_MAX / 2) refuse(bytes, "no machine has that many");
  data_ = allocate(bytes);
  if (data_ == nullptr) refuse(bytes, "the system did not give them");
}

Memory::~Memory() {
  if (data_ == nullptr) return;
  if (is_mapped(size_)) {
    platform::unmap_pages(data_, round_up(size_));
  } else {
    ::operator delete(data_, kAlignment);
  }
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void check_memory_available(std::size_t bytes) {
  constexpr std::size_t kNotWorthAsking = std::size_t{64} << 20;
  if (bytes <= kNotWorthAsking) return;
  const std::size_t available = platform::available_memory();
  if (bytes > available) refuse(bytes, "this machine has " + std::to_string(available) + " left");
}

}  // namespace sharpwave
