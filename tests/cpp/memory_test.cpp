#include "sharpwave/memory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "sharpwave/error.hpp"

using sharpwave::Memory;
using sharpwave::OutOfMemory;

TEST_CASE("memory is zeroed and aligned, small and large") {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{1000}, std::size_t{5} << 20}) {
    const Memory memory(bytes);
    CHECK(memory.size() == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % 64 == 0);
    CHECK(std::all_of(memory.data(), memory.data() + bytes,
                      [](std::byte b) { return b == std::byte{0}; }));
    memory.data()[bytes - 1] = std::byte{1};
  }
}

TEST_CASE("moving hands the bytes over") {
  Memory memory(100);
  std::byte* const data = memory.data();
  Memory moved(std::move(memory));
  CHECK(moved.data() == data);
  Memory assigned;
  assigned = std::move(moved);
  CHECK(assigned.data() == data);
  CHECK(assigned.size() == 100);
}

TEST_CASE("sizes that no machine has are refused") {
  CHECK_THROWS_AS(Memory(SIZE_MAX - 10), OutOfMemory);
  CHECK_THROWS_AS(sharpwave::check_memory_available(std::size_t{1} << 60), OutOfMemory);
  CHECK_NOTHROW(sharpwave::check_memory_available(1 << 20));
  CHECK_NOTHROW(sharpwave::check_memory_available(std::size_t{65} << 20));
}

TEST_CASE("what is known of huge pages is never more than there is") {
  using sharpwave::platform::huge_page_bytes;
  const Memory large(std::size_t{16} << 20);
  const Memory small(100);
  const auto found = huge_page_bytes({large.bytes(), small.bytes()});
  CHECK(found.has_value() == std::filesystem::exists("/proc/self/smaps"));
  if (!found) return;
  CHECK(*found <= large.size());
  CHECK(huge_page_bytes({}) == 0);
  CHECK(huge_page_bytes({large.bytes().first(std::size_t{4} << 20)}) <= *found);
}
