#pragma once
// CRC-32C (Castagnoli; RFC 3720, section 12.1), by the processor's own instruction where it has
// one.
//
// Threads: all. Invariants: both ways return the same bits.
// Cost: about the memory's speed by instruction, a byte in two or three cycles by table.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sharpwave {

// The checksum of all the bytes so far, where `before` is that of those before these.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The same on any processor.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::byte> bytes,
                                            std::uint32_t before = 0);

}  // namespace sharpwave
