// Four doubles that are computed together, included by kernels.inl. Compilers turn short loops into
// single values before they look for vectors, and selections into branches; so those that have a
// vector type are given it.

#if defined(__GNUC__) || defined(__clang__)
#define SHARPWAVE_QUAD 1
using Quad = double __attribute__((vector_size(32)));
using QuadBits = unsigned long long __attribute__((vector_size(32)));
using QuadCount = long long __attribute__((vector_size(32)));
using Lanes = Quad;
using LaneBits = QuadBits;

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
inline Quad infinite_from(Quad row, double end) {
  for (double& value : row.lane) value = value >= end ? HUGE_VAL : value;
  return row;
}
#endif

template <typename Value>
Quad load_row(const Value* row) {
  return Quad{row[0], row[1], row[2], row[3]};
}

#ifdef SHARPWAVE_QUAD
inline void store_row(const Quad& row, float* out) {
  const float floats[4] = {static_cast<float>(row[0]), static_cast<float>(row[1]),
                           static_cast<float>(row[2]), static_cast<float>(row[3])};
  __builtin_memcpy(out, floats, sizeof(floats));
}
#endif
