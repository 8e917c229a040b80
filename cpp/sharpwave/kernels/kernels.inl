// The loops themselves, written once and included once a target by cpu.cpp, each time in a
// namespace of its own. No standard templates here: an inline function compiled for wide vectors
// could be the copy that the linker keeps for everyone.

template <std::size_t kWord>
void copy_word(std::byte* out, const std::byte* from) {
  __builtin_memcpy(out, from, kWord);
}

// A value of more than kWord bytes and at most twice as many: two words that may overlap.
template <std::size_t kWord>
void copy_two(std::byte* out, const std::byte* from, std::size_t bytes) {
  copy_word<kWord>(out, from);
  copy_word<kWord>(out + bytes - kWord, from + bytes - kWord);
}

// A value of more than kWords words and at most one more: whole words, and one that may overlap.
template <std::size_t kWords>
void copy_words(std::byte* out, const std::byte* from, std::size_t bytes) {
  constexpr std::size_t kWord = 32;
  for (std::size_t i = 0; i < kWords; ++i) copy_word<kWord>(out + i * kWord, from + i * kWord);
  copy_word<kWord>(out + bytes - kWord, from + bytes - kWord);
}

// One copy size known to the compiler; `bytes` is it.
template <std::size_t kBytes>
void gather_word(std::byte* out, const std::byte* const* rows, std::size_t offset, std::size_t,
                 std::size_t count, float) {
  for (std::size_t i = 0; i < count; ++i) copy_word<kBytes>(out + i * kBytes, rows[i] + offset);
}

template <std::size_t kWord>
void gather_two(std::byte* out, const std::byte* const* rows, std::size_t offset, std::size_t bytes,
                std::size_t count, float) {
  for (std::size_t i = 0; i < count; ++i) copy_two<kWord>(out + i * bytes, rows[i] + offset, bytes);
}

template <std::size_t kWords>
void gather_words(std::byte* out, const std::byte* const* rows, std::size_t offset,
                  std::size_t bytes, std::size_t count, float) {
  for (std::size_t i = 0; i < count; ++i)
    copy_words<kWords>(out + i * bytes, rows[i] + offset, bytes);
}

#include "sharpwave/kernels/large.inl"

inline GatherKernel copy_for(std::size_t bytes, Store store) {
  switch (bytes) {
    case 1:
      return gather_word<1>;
    case 2:
      return gather_word<2>;
    case 4:
      return gather_word<4>;
    case 8:
      return gather_word<8>;
    case 16:
      return gather_word<16>;
    case 32:
      return gather_word<32>;
    case 64:
      return gather_word<64>;
    default:
      break;
  }
  if (bytes < 4) return gather_two<2>;
  if (bytes < 8) return gather_two<4>;
  if (bytes < 16) return gather_two<8>;
  if (bytes < 32) return gather_two<16>;
  if (bytes > 256) return store == Store::kStreamed ? gather_streamed : gather_large;
  switch ((bytes - 33) / 32) {
    case 0:
      return gather_words<1>;
    case 1:
      return gather_words<2>;
    case 2:
      return gather_words<3>;
    case 3:
      return gather_words<4>;
    case 4:
      return gather_words<5>;
    case 5:
      return gather_words<6>;
    default:
      return gather_words<7>;
  }
}

#include "sharpwave/kernels/convert.inl"

inline GatherKernel gather_for(const Field& field, Store store) {
  switch (field.decode.from) {
    case Decode::From::kHalf:
      return field.itemsize == sizeof(float) ? gather_decoded<FromHalf, float>
                                             : gather_decoded<FromHalf, double>;
    case Decode::From::kBfloat16:
      return field.itemsize == sizeof(float) ? gather_decoded<FromBfloat16, float>
                                             : gather_decoded<FromBfloat16, double>;
    case Decode::From::kUint8:
      return field.decode.divisor == 1.0F ? gather_decoded<FromUint8, float>
                                          : gather_decoded<FromUint8Divided, float>;
    case Decode::From::kBits:
      return gather_bits;
    case Decode::From::kSame:
      break;
  }
  return copy_for(field.sampled_bytes(), store);
}

// On the bits, because a maximum of integers is a reduction that compilers vectorize.
inline bool has_nan(const float* values, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    __builtin_memcpy(&bits, values + i, sizeof(bits));
    bits &= 0x7FFFFFFFU;
    largest = bits > largest ? bits : largest;
  }
  return largest > 0x7F800000U;
}

inline bool has_nan(const double* values, std::size_t count) {
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = 0;
    __builtin_memcpy(&bits, values + i, sizeof(bits));
    bits &= 0x7FFFFFFFFFFFFFFFU;
    largest = bits > largest ? bits : largest;
  }
  return largest > 0x7FF0000000000000U;
}

// NaN is larger than everything, as in torch.max: a broken network shows in its targets.
template <typename Real>
bool exceeds(Real value, Real best) {
  return value > best || (value != value && best == best);
}

// out = reward + discount * (the value of the best action), where `online` chooses the action and
// `valued` values it. This is the definition, run for NaN and for numbers of actions that have no
// loop of their own.
template <typename Real>
void plain_target(const Real* reward, const Real* discount, QValues<Real> online,
                  const Real* valued, Real* out) {
  for (std::size_t i = 0; i < online.rows; ++i) {
    const Real* const q = online.values + i * online.actions;
    std::size_t best = 0;
    for (std::size_t a = 1; a < online.actions; ++a) best = exceeds(q[a], q[best]) ? a : best;
    out[i] = reward[i] + discount[i] * valued[i * online.actions + best];
  }
}

// Straight code for each row, by recursion in place of a loop, is what compilers vectorize. There
// is no NaN here, and no branch.
template <std::size_t kActions, typename Real>
Real largest(const Real* q) {
  if constexpr (kActions == 1) {
    return q[0];
  } else {
    const Real best = largest<kActions - 1>(q);
    return q[kActions - 1] > best ? q[kActions - 1] : best;
  }
}

template <std::size_t kActions, typename Real>
std::size_t best_action(const Real* q) {
  std::size_t best = 0;
  Real most = q[0];
  for (std::size_t a = 1; a < kActions; ++a) {
    best = q[a] > most ? a : best;
    most = q[a] > most ? q[a] : most;
  }
  return best;
}

// The value of the best action of each row: the maximum itself, or what `valued` gives.
template <std::size_t kActions, typename Real>
void target_of(const Real* reward, const Real* discount, QValues<Real> online, const Real* valued,
               Real* out) {
  if (valued == online.values) {
    for (std::size_t i = 0; i < online.rows; ++i) {
      out[i] = reward[i] + discount[i] * largest<kActions>(online.values + i * kActions);
    }
  } else {
    for (std::size_t i = 0; i < online.rows; ++i) {
      const std::size_t best = best_action<kActions>(online.values + i * kActions);
      out[i] = reward[i] + discount[i] * valued[i * kActions + best];
    }
  }
}

template <typename Real>
void double_target(const Real* reward, const Real* discount, QValues<Real> online,
                   const Real* valued, Real* out) {
  if (has_nan(online.values, online.rows * online.actions)) {
    return plain_target(reward, discount, online, valued, out);
  }
  switch (online.actions) {
    case 2:
      return target_of<2>(reward, discount, online, valued, out);
    case 3:
      return target_of<3>(reward, discount, online, valued, out);
    case 4:
      return target_of<4>(reward, discount, online, valued, out);
    case 5:
      return target_of<5>(reward, discount, online, valued, out);
    case 6:
      return target_of<6>(reward, discount, online, valued, out);
    default:
      return plain_target(reward, discount, online, valued, out);
  }
}

template <typename Real>
void target(const Real* reward, const Real* discount, QValues<Real> next_q, Real* out) {
  double_target(reward, discount, next_q, next_q.values, out);
}

#include "sharpwave/kernels/adam.inl"
#include "sharpwave/kernels/gemm.inl"
#include "sharpwave/kernels/quad.inl"
// What follows computes with quads.
#include "sharpwave/kernels/power.inl"
#include "sharpwave/kernels/sum_tree.inl"

inline constexpr Kernels kSet = {kName,
                                 gather_for,
                                 target<float>,
                                 target<double>,
                                 double_target<float>,
                                 double_target<double>,
                                 sum_lines,
                                 sum_nodes,
                                 smallest,
                                 descend,
                                 descend_to_lines,
                                 find_leaves,
                                 all_finite,
                                 smallest_of,
                                 priorities,
                                 weights,
                                 product,
                                 adam};
