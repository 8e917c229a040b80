#include "sharpwave/crc32c.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "sharpwave/rng.hpp"

using sharpwave::crc32c;
using sharpwave::crc32c_by_table;

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

Bytes counting(int first, int step) {
  Bytes bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<std::byte>(first + step * i));
  return bytes;
}

Bytes random_bytes(std::size_t count) {
  sharpwave::Rng rng(count);
  Bytes bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng.next() >> 56);
  return bytes;
}

void check_both(const Bytes& bytes, std::uint32_t expected) {
  CHECK(crc32c(bytes) == expected);
  CHECK(crc32c_by_table(bytes) == expected);
}

// One bit after the other, as the definition has it.
std::uint32_t crc32c_by_bits(const Bytes& bytes) {
  std::uint32_t sum = 0xFFFFFFFF;
  for (const std::byte byte : bytes) {
    sum ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82F63B78 : 0);
  }
  return sum ^ 0xFFFFFFFF;
}

}  // namespace

TEST_CASE("the examples of RFC 3720, appendix B.4") {
  check_both(Bytes(32, std::byte{0}), 0x8A9136AA);
  check_both(Bytes(32, std::byte{0xFF}), 0x62A8AB43);
  check_both(counting(0, 1), 0x46DD794E);
  check_both(counting(31, -1), 0x113FDB5C);
  Bytes read_command(48, std::byte{0});
  const std::vector<std::pair<std::size_t, int>> set = {
      {0, 0x01}, {1, 0xC0}, {16, 0x14}, {22, 0x04}, {27, 0x14}, {31, 0x18}, {32, 0x28}, {40, 0x02}};
  for (const auto& [at, value] : set) read_command[at] = static_cast<std::byte>(value);
  check_both(read_command, 0xD9963A56);
}

TEST_CASE("the check value of the catalogue of CRCs, and nothing at all") {
  check_both(bytes_of("123456789"), 0xE3069283);
  check_both({}, 0);
}

TEST_CASE("both ways agree with the definition at every length and alignment") {
  const Bytes bytes = random_bytes(3 * 8192 + 100);
  for (std::size_t length = 0; length < 100; ++length) {
    const Bytes part(bytes.begin() + 3, bytes.begin() + 3 + static_cast<std::ptrdiff_t>(length));
    check_both(part, crc32c_by_bits(part));
  }
  for (std::size_t begin = 0; begin < 100; begin += 7) {
    const auto part = std::span(bytes).subspan(begin);
    const std::uint32_t expected = crc32c_by_bits(Bytes(part.begin(), part.end()));
    CHECK(crc32c(part) == expected);
    CHECK(crc32c_by_table(part) == expected);
  }
}

TEST_CASE("a checksum goes on from the one before") {
  const Bytes bytes = random_bytes(200000);
  const std::uint32_t whole = crc32c(bytes);
  CHECK(whole == crc32c_by_table(bytes));
  sharpwave::Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    const auto cut = static_cast<std::size_t>(rng.below(bytes.size() + 1));
    const auto head = std::span(bytes).first(cut);
    const auto tail = std::span(bytes).subspan(cut);
    CHECK(crc32c(tail, crc32c(head)) == whole);
    CHECK(crc32c_by_table(tail, crc32c(head)) == whole);
  }
}

TEST_CASE("every flipped bit is noticed") {
  Bytes bytes = random_bytes(3 * 8192);
  const std::uint32_t whole = crc32c(bytes);
  sharpwave::Rng rng(2);
  for (int i = 0; i < 1000; ++i) {
    const auto at = static_cast<std::size_t>(rng.below(bytes.size()));
    const auto bit = static_cast<std::byte>(1U << rng.below(8));
    bytes[at] ^= bit;
    CHECK(crc32c(bytes) != whole);
    bytes[at] ^= bit;
  }
}
