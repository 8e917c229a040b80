#include "sharpwave/transpose.hpp"

namespace sharpwave {

std::size_t stride_of(std::size_t floats) {
  constexpr std::size_t kLine = 16;
  return (((floats + kLine - 1) / kLine) | 1) * kLine;
}

// Four rows together are written as one vector.
void transpose(const float* in, std::size_t in_row, std::size_t rows, std::size_t columns,
               float* out, std::size_t out_row) {
  constexpr std::size_t kTogether = 4;
  std::size_t r = 0;
  for (; r + kTogether <= rows; r += kTogether) {
    for (std::size_t c = 0; c < columns; ++c) {
      float values[kTogether];
      for (std::size_t i = 0; i < kTogether; ++i) values[i] = in[(r + i) * in_row + c];
      for (std::size_t i = 0; i < kTogether; ++i) out[c * out_row + r + i] = values[i];
    }
  }
  for (; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out[c * out_row + r] = in[r * in_row + c];
  }
}

}  // namespace sharpwave
