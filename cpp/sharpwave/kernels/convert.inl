// Loops that decode what they gather; a part of kernels.inl. Moves of bits, exact products and one
// division a value: every target gives the same bits, those of NaN included.

constexpr std::size_t kHotBytes = 256;  // a field of more is in no record, and nobody prefetched it

// By a mask, because compilers vectorize what is computed in any case, and not what stands behind a
// condition.
inline std::uint32_t choose(bool condition, std::uint32_t yes, std::uint32_t no) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

struct FromHalf {
  using Stored = std::uint16_t;

  static float value(Stored half, float) {
    const std::uint32_t magnitude = half & 0x7FFFU;
    // Denormal halves are multiples of 2^-24.
    const float small = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F;
    std::uint32_t small_bits = 0;
    __builtin_memcpy(&small_bits, &small, sizeof(small));
    constexpr std::uint32_t kRebias = 112U << 23;  // once for numbers, twice for infinity and NaN
    const std::uint32_t large =
        (magnitude << 13) + kRebias + choose(magnitude >= 0x7C00U, kRebias, 0);
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
    const std::uint32_t bits = sign | choose(magnitude < 0x0400U, small_bits, large);
    float number = 0;
    __builtin_memcpy(&number, &bits, sizeof(number));
    return number;
  }
};

struct FromBfloat16 {
  using Stored = std::uint16_t;

  static float value(Stored upper, float) {
    const std::uint32_t bits = static_cast<std::uint32_t>(upper) << 16;
    float number = 0;
    __builtin_memcpy(&number, &bits, sizeof(number));
    return number;
  }
};

struct FromUint8 {
  using Stored = std::uint8_t;

  static float value(Stored number, float) { return static_cast<float>(number); }
};

struct FromUint8Divided {
  using Stored = std::uint8_t;

  static float value(Stored number, float divisor) { return static_cast<float>(number) / divisor; }
};

template <typename From, typename Real>
void decode(std::byte* __restrict out, const std::byte* __restrict from, std::size_t values,
            float divisor) {
  for (std::size_t i = 0; i < values; ++i) {
    typename From::Stored stored = 0;
    __builtin_memcpy(&stored, from + i * sizeof(stored), sizeof(stored));
    const Real value = From::value(stored, divisor);
    __builtin_memcpy(out + i * sizeof(value), &value, sizeof(value));
  }
}

template <typename From, typename Real>
void gather_decoded(std::byte* out, const std::byte* const* rows, std::size_t offset,
                    std::size_t bytes, std::size_t count, float divisor) {
  const std::size_t values = bytes / sizeof(Real);
  const std::size_t stored = values * sizeof(typename From::Stored);
  for (std::size_t i = 0; i < count; ++i) {
    if (stored > kHotBytes) prefetch_soon(rows, i, count, offset, stored);
    decode<From, Real>(out + i * bytes, rows[i] + offset, values, divisor);
  }
}

// Eight bits to eight bytes: each byte of a word keeps its own bit and becomes 1 if that is set.
inline std::uint64_t spread(std::uint8_t packed) {
  constexpr std::uint64_t kOwnBit =
      std::endian::native == std::endian::little ? 0x0102040810204080U : 0x8040201008040201U;
  const std::uint64_t own = (packed * 0x0101010101010101U) & kOwnBit;
  return ((own + 0x7F7F7F7F7F7F7F7FU) >> 7) & 0x0101010101010101U;
}

inline void decode_bits(std::byte* __restrict out, const std::uint8_t* __restrict from,
                        std::size_t values) {
  for (std::size_t i = 0; i < values / 8; ++i) {
    const std::uint64_t eight = spread(from[i]);
    __builtin_memcpy(out + i * 8, &eight, sizeof(eight));
  }
  if (values % 8 == 0) return;
  const std::uint64_t last = spread(from[values / 8]);
  __builtin_memcpy(out + values / 8 * 8, &last, values % 8);
}

inline void gather_bits(std::byte* out, const std::byte* const* rows, std::size_t offset,
                        std::size_t bytes, std::size_t count, float) {
  const std::size_t stored = (bytes + 7) / 8;
  for (std::size_t i = 0; i < count; ++i) {
    if (stored > kHotBytes) prefetch_soon(rows, i, count, offset, stored);
    decode_bits(out + i * bytes, reinterpret_cast<const std::uint8_t*>(rows[i] + offset), bytes);
  }
}
