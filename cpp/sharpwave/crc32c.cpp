#include "sharpwave/crc32c.hpp"

#include <array>
#include <bit>
#include <cstring>

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <nmmintrin.h>
#define SHARPWAVE_CRC32C_INSTRUCTION 1
#define SHARPWAVE_CRC32C_TARGET __attribute__((target("sse4.2")))
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define SHARPWAVE_CRC32C_INSTRUCTION 1
#define SHARPWAVE_CRC32C_TARGET
#endif

namespace sharpwave {
namespace {

// A polynomial over GF(2) of degree below 32; x^0 is the highest bit, as in every reflected CRC.
using Polynomial = std::uint32_t;
using Bytes = std::span<const std::byte>;

constexpr Polynomial kModulus = 0x82F63B78U;

constexpr Polynomial times_x(Polynomial a) { return (a >> 1) ^ ((a & 1U) != 0 ? kModulus : 0U); }

// Slicing by 8 (Kounavis & Berry 2008): kTables[k][b] is what the byte b does to the checksum when
// k bytes follow it.
using Tables = std::array<std::array<Polynomial, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    Polynomial sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = times_x(sum);
    tables[0][byte] = sum;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const Polynomial before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

// Eight bytes, the first one lowest. The loop would do for every machine, but not every compiler
// sees one load in it.
std::uint64_t load(const std::byte* bytes) {
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, bytes, sizeof word);
  } else {
    for (unsigned i = 0; i < 8; ++i) word |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return word;
}

Polynomial step_by_table(Polynomial sum, std::uint64_t word) {
  word ^= sum;
  Polynomial next = 0;
  for (unsigned i = 0; i < 8; ++i) next ^= kTables[7 - i][(word >> (8 * i)) & 0xFFU];
  return next;
}

#ifdef SHARPWAVE_CRC32C_INSTRUCTION

#ifdef __x86_64__
SHARPWAVE_CRC32C_TARGET std::uint64_t step(std::uint64_t sum, std::uint64_t word) {
  return _mm_crc32_u64(sum, word);
}
SHARPWAVE_CRC32C_TARGET std::uint32_t step(std::uint32_t sum, std::byte byte) {
  return _mm_crc32_u8(sum, std::to_integer<std::uint8_t>(byte));
}
bool has_instruction() { return __builtin_cpu_supports("sse4.2"); }
#else
std::uint64_t step(std::uint64_t sum, std::uint64_t word) {
  return __crc32cd(static_cast<std::uint32_t>(sum), word);
}
std::uint32_t step(std::uint32_t sum, std::byte byte) {
  return __crc32cb(sum, std::to_integer<std::uint8_t>(byte));
}
bool has_instruction() { return true; }
#endif

constexpr Polynomial multiply(Polynomial a, Polynomial b) {
  Polynomial product = 0;
  for (int bit = 31; bit >= 0; --bit) {
    product ^= (0U - ((a >> bit) & 1U)) & b;
    b = times_x(b);
  }
  return product;
}

// x^(2^n)
constexpr Polynomial x_to_power_of_two(int n) {
  Polynomial power = 0x40000000U;
  for (int i = 0; i < n; ++i) power = multiply(power, power);
  return power;
}

// The instruction takes three cycles and can begin anew in each: three stretches of a block are
// summed side by side. What comes before a stretch of zeros is multiplied by x^(8 * its bytes).
constexpr std::size_t kStretch = 8192;
constexpr Polynomial kPastStretch = x_to_power_of_two(16);
static_assert(kStretch * 8 == 1U << 16U);

SHARPWAVE_CRC32C_TARGET Polynomial sum_block(Polynomial sum, const std::byte* bytes) {
  std::uint64_t first = sum;
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (std::size_t i = 0; i < kStretch; i += 8) {
    first = step(first, load(bytes + i));
    second = step(second, load(bytes + kStretch + i));
    third = step(third, load(bytes + 2 * kStretch + i));
  }
  const auto two =
      multiply(static_cast<Polynomial>(first), kPastStretch) ^ static_cast<Polynomial>(second);
  return multiply(two, kPastStretch) ^ static_cast<Polynomial>(third);
}

SHARPWAVE_CRC32C_TARGET Polynomial sum_by_instruction(Polynomial sum, Bytes bytes) {
  for (; bytes.size() >= 3 * kStretch; bytes = bytes.subspan(3 * kStretch)) {
    sum = sum_block(sum, bytes.data());
  }
  std::uint64_t wide = sum;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) wide = step(wide, load(bytes.data()));
  sum = static_cast<Polynomial>(wide);
  for (const std::byte byte : bytes) sum = step(sum, byte);
  return sum;
}

#endif

Polynomial sum_by_table(Polynomial sum, Bytes bytes) {
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) sum = step_by_table(sum, load(bytes.data()));
  for (const std::byte byte : bytes) {
    sum = (sum >> 8) ^ kTables[0][(sum ^ std::to_integer<std::uint32_t>(byte)) & 0xFFU];
  }
  return sum;
}

}  // namespace

std::uint32_t crc32c(Bytes bytes, std::uint32_t before) {
#ifdef SHARPWAVE_CRC32C_INSTRUCTION
  if (has_instruction()) return ~sum_by_instruction(~before, bytes);
#endif
  return crc32c_by_table(bytes, before);
}

std::uint32_t crc32c_by_table(Bytes bytes, std::uint32_t before) {
  return ~sum_by_table(~before, bytes);
}

}  // namespace sharpwave
