// Powers of priorities, included by kernels.inl. Every operation is a correctly rounded one of
// doubles or integers, in a fixed order, so all targets agree on every bit.

// The functions are written for one number or for as many as a vector has.
template <typename To, typename From>
To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}

// REQUIRES: x is a positive normal number. Absolute error below 4e-10.
template <typename Real, typename Bits>
Real log2_of(const Real& x) {
  // x = 2^exponent * m with m between sqrt(1/2) and sqrt(2).
  constexpr std::uint64_t kOne = 0x3FF0000000000000U;
  constexpr std::uint64_t kRootOfHalf = 0x3FE6A09E667F3BCDU;
  const Bits bits = bits_as<Bits>(x);
  const Bits biased = (bits + (kOne - kRootOfHalf)) >> 52;
  const Real m = bits_as<Real>(bits - (biased << 52) + kOne);

  // An integer below 2^52, put under the bits of 2^52, is a double without a conversion.
  constexpr std::uint64_t kTwo52 = 0x4330000000000000U;
  const Real exponent = bits_as<Real>(biased | kTwo52) - (4503599627370496.0 + 1023.0);

  // log2(m) = 2 / ln 2 * artanh(s) = s * P(s^2), P minimax by Remez' algorithm.
  const Real s = (m - 1.0) / (m + 1.0);
  const Real z = s * s;
  const Real low = 2.8853900797773635 + z * 0.9617988550373957;
  // NOLINTNEXTLINE(modernize-use-std-numbers): near Euler's constant by chance
  const Real high = 0.5767136844606853 + z * 0.4317523904403794;
  return exponent + s * (low + z * z * high);
}

// Relative error below 4e-9, and 2^0 is 1. What lies past the normal numbers' exponents is taken
// to be at their ends.
template <typename Real, typename Bits>
Real exp2_of(const Real& exponent) {
  const Real least = Real{} - 1000.0;
  const Real most = Real{} + 1000.0;
  const Real raised = exponent < least ? least : exponent;
  const Real y = raised > most ? most : raised;
  // y = k + f with k an integer and |f| <= 1/2; k is left in the lowest bits of y + 1.5 * 2^52.
  constexpr double kShift = 6755399441055744.0;
  const Real shifted = y + kShift;
  const Real f = y - (shifted - kShift);
  const Real f2 = f * f;
  // NOLINTNEXTLINE(modernize-use-std-numbers): minimax, so not quite the logarithm of 2
  const Real low = 0x1.62e4302fcc236p-1 + f * 0x1.ebfbe07d98056p-3;
  const Real middle = 0x1.c6af6ccfc83d3p-5 + f * 0x1.3b29e3ce3f853p-7;
  const Real high = 0x1.5f089611d0104p-10 + f * 0x1.446c822bdaff3p-13;
  const Real power = 1.0 + f * (low + f2 * (middle + f2 * high));
  return bits_as<Real>(bits_as<Bits>(power) + (bits_as<Bits>(shifted) << 52));
}

template <typename Real>
Real without_sign(const Real& x) {
  return x < 0 ? Real{} - x : x;
}

template <typename Real>
Real finite_float(const Real& x) {
  const Real most = Real{} + 3.4028234663852886e38;
  return x > most ? most : x;
}

// (|td_error| + eps)^alpha
template <typename Real, typename Bits>
struct Priority {
  double alpha;
  double eps;
  Real operator()(const Real& td_error) const {
    const Real x = without_sign(td_error) + eps;
    const Real power = exp2_of<Real, Bits>(alpha * log2_of<Real, Bits>(x));
    return finite_float(x > 0 ? power : Real{});
  }
};

template <typename Real, typename Bits>
struct LinearPriority {
  double eps;
  Real operator()(const Real& td_error) const { return finite_float(without_sign(td_error) + eps); }
};

// (smallest / priority)^beta by a difference of logarithms: it is exactly 0 for the smallest.
template <typename Real, typename Bits>
struct Weight {
  double log2_smallest;
  double beta;
  Real operator()(const Real& priority) const {
    const Real y = beta * (log2_smallest - log2_of<Real, Bits>(priority));
    return priority > 0 ? exp2_of<Real, Bits>(y) : Real{};
  }
};

template <typename Real, typename Bits>
struct LinearWeight {
  double smallest;
  Real operator()(const Real& priority) const {
    return priority > 0 ? smallest / priority : Real{};
  }
};

// out[i] = function(in[i])
template <typename Function>
void map_floats(const float* in, std::size_t count, float* out, Function function) {
#ifdef SHARPWAVE_QUAD
  std::size_t i = 0;
  for (; i + kWide <= count; i += kWide) store_lanes(function(load_lanes(in + i)), out + i);
  if (i == count) return;
  float rest[kWide];
  for (std::size_t k = 0; k < kWide; ++k) rest[k] = i + k < count ? in[i + k] : 1.0F;
  store_lanes(function(load_lanes(rest)), rest);
  for (std::size_t k = 0; i + k < count; ++k) out[i + k] = rest[k];
#else
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(function(double{in[i]}));
#endif
}

// Of magnitudes, as bits: infinity is larger than every finite value, and NaN larger than infinity.
inline bool all_finite(const float* values, std::size_t count) {
  std::int32_t most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t bits = 0;
    __builtin_memcpy(&bits, values + i, sizeof(bits));
    bits &= 0x7FFFFFFF;
    most = bits > most ? bits : most;
  }
  return most < 0x7F800000;
}

// Floats that are not negative are ordered as their bits are.
inline float largest_of(const float* values, std::size_t count) {
  std::int32_t most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t bits = 0;
    __builtin_memcpy(&bits, values + i, sizeof(bits));
    most = bits > most ? bits : most;
  }
  return bits_as<float>(most);
}

inline float priorities(const float* td_error, PriorityRule rule, std::size_t count, float* out) {
  if (rule.alpha == 0) {
    for (std::size_t i = 0; i < count; ++i) out[i] = 1;
  } else if (rule.alpha == 1) {
    map_floats(td_error, count, out, LinearPriority<Lanes, LaneBits>{rule.eps});
  } else {
    map_floats(td_error, count, out, Priority<Lanes, LaneBits>{rule.alpha, rule.eps});
  }
  return largest_of(out, count);
}

inline void weights(const float* priority, float smallest, float beta, std::size_t count,
                    float* out) {
  if (beta == 1) {
    map_floats(priority, count, out, LinearWeight<Lanes, LaneBits>{smallest});
  } else {
    const auto least = log2_of<double, std::uint64_t>(smallest);
    map_floats(priority, count, out, Weight<Lanes, LaneBits>{least, beta});
  }
}
