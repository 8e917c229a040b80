// Four doubles that are computed together, included by kernels.inl. Compilers turn short loops into
// single values before they look for vectors, and selections into branches; so those that have a
// vector type are given it.

#if defined(__GNUC__) || defined(__clang__)
#define SHARPWAVE_QUAD 1
using Quad = double __attribute__((vector_size(32)));
using QuadBits = unsigned long long __attribute__((vector_size(32)));
using QuadCount = long long __attribute__((vector_size(32)));

inline Quad load_row(const double* row) {
  Quad loaded;
  __builtin_memcpy(&loaded, row, sizeof(loaded));
  return loaded;
}
inline Quad load_row(const float* row) {
#ifdef SHARPWAVE_AVX2
  return _mm256_cvtps_pd(_mm_loadu_ps(row));
#else
  return Quad{row[0], row[1], row[2], row[3]};
#endif
}

#ifdef SHARPWAVE_AVX512
using Lanes = double __attribute__((vector_size(64)));
using LaneBits = unsigned long long __attribute__((vector_size(64)));
inline Lanes load_lanes(const float* values) { return _mm512_cvtps_pd(_mm256_loadu_ps(values)); }
inline void store_lanes(const Lanes& lanes, float* out) {
  _mm256_storeu_ps(out, _mm512_cvtpd_ps(lanes));
}
#else
using Lanes = Quad;
using LaneBits = QuadBits;
inline Lanes load_lanes(const float* values) { return load_row(values); }
inline void store_lanes(const Lanes& lanes, float* out) {
#ifdef SHARPWAVE_AVX2
  _mm_storeu_ps(out, _mm256_cvtpd_ps(lanes));
#else
  const float floats[4] = {static_cast<float>(lanes[0]), static_cast<float>(lanes[1]),
                           static_cast<float>(lanes[2]), static_cast<float>(lanes[3])};
  __builtin_memcpy(out, floats, sizeof(floats));
#endif
}
#endif
constexpr std::size_t kWide = sizeof(Lanes) / sizeof(double);

inline QuadCount at_most(const Quad& row, double mass) { return row <= mass; }
inline Quad infinite_from(const Quad& row, double end) {
  constexpr double kInfinity = __builtin_huge_val();
  return row >= end ? Quad{kInfinity, kInfinity, kInfinity, kInfinity} : row;
}
#else
using Lanes = double;
using LaneBits = std::uint64_t;
struct Quad {
  double lane[4];
  double operator[](std::size_t i) const { return lane[i]; }
  Quad operator+(const Quad& other) const {
    return {lane[0] + other[0], lane[1] + other[1], lane[2] + other[2], lane[3] + other[3]};
  }
};
struct QuadCount {
  long long lane[4];
  long long operator[](std::size_t i) const { return lane[i]; }
  QuadCount operator+(const QuadCount& other) const {
    return {lane[0] + other[0], lane[1] + other[1], lane[2] + other[2], lane[3] + other[3]};
  }
};

inline QuadCount at_most(const Quad& row, double mass) {
  return {-(row[0] <= mass), -(row[1] <= mass), -(row[2] <= mass), -(row[3] <= mass)};
}
template <typename Value>
Quad load_row(const Value* row) {
  return {row[0], row[1], row[2], row[3]};
}
inline Quad infinite_from(Quad row, double end) {
  for (double& value : row.lane) value = value >= end ? HUGE_VAL : value;
  return row;
}
#endif

// How many of a square's values are at most `mass`.
#ifdef SHARPWAVE_AVX512
inline std::size_t count_at_most(const Quad* square, double mass) {
  const __m512d limit = _mm512_set1_pd(mass);
  const auto pair = [&](const Quad& low, const Quad& high) -> unsigned {
    const __m512d both = _mm512_insertf64x4(_mm512_castpd256_pd512(low), high, 1);
    return _mm512_cmp_pd_mask(both, limit, _CMP_LE_OQ);
  };
  const unsigned mask = pair(square[0], square[1]) | pair(square[2], square[3]) << 8;
  return static_cast<std::size_t>(__builtin_popcount(mask));
}
inline std::size_t count_at_most(const double* square, double mass) {
  const __m512d limit = _mm512_set1_pd(mass);
  const unsigned low = _mm512_cmp_pd_mask(_mm512_loadu_pd(square), limit, _CMP_LE_OQ);
  const unsigned high = _mm512_cmp_pd_mask(_mm512_loadu_pd(square + 8), limit, _CMP_LE_OQ);
  return static_cast<std::size_t>(__builtin_popcount(low | high << 8));
}
#else
inline std::size_t count_at_most(const Quad* square, double mass) {
  const QuadCount count = at_most(square[0], mass) + at_most(square[1], mass) +
                          at_most(square[2], mass) + at_most(square[3], mass);
  return static_cast<std::size_t>(-(count[0] + count[1] + count[2] + count[3]));
}
inline std::size_t count_at_most(const double* square, double mass) {
  const Quad rows[4] = {load_row(square), load_row(square + 4), load_row(square + 8),
                        load_row(square + 12)};
  return count_at_most(rows, mass);
}
#endif
