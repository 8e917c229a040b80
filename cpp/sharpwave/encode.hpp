#pragma once
// Encoder: values as they are given to values as they are stored. Field::decode is the way back.
//
// Threads: immutable after construction.
// Invariants: (1) numbers are rounded once, to the nearest, ties to even; (2) what is stored is as
//             finite as what was given; (3) every NaN stays one, with its sign.
// Cost: one pass over the values.

#include <cstddef>

#include "sharpwave/schema.hpp"

namespace sharpwave {

class Encoder {
 public:
  // Values are stored as they are given.
  Encoder() = default;
  // For values of `given_itemsize` bytes. REQUIRES: float32 or float64, or just what is stored, for
  // kHalf and kBfloat16; single bytes for kUint8 and kBits.
  Encoder(const Field& field, std::size_t given_itemsize);

  // Whether stored values are not the given ones.
  [[nodiscard]] bool is_needed() const { return encode_ != nullptr; }
  [[nodiscard]] std::size_t values() const { return values_; }  // of a row
  [[nodiscard]] std::size_t bytes() const { return bytes_; }    // of a row, stored

  // Returns how many values there are before the first that cannot be stored: rows * values() if
  // all can. REQUIRES: is_needed().
  std::size_t encode(const std::byte* given, std::size_t rows, std::byte* out) const;

 private:
  // As encode(), for one row.
  using Encode = std::size_t (*)(const std::byte* given, std::size_t values, std::byte* out);

  static Encode encode_for(Decode::From stored, std::size_t given_itemsize);

  Encode encode_ = nullptr;
  std::size_t given_bytes_ = 0;
  std::size_t values_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sharpwave
