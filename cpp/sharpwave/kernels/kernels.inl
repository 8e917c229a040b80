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

inline void copy_long(std::byte* out, const std::byte* from, std::size_t bytes) {
  std::size_t at = 0;
  for (; at + 32 < bytes; at += 32) copy_word<32>(out + at, from + at);
  copy_word<32>(out + bytes - 32, from + bytes - 32);
}

template <std::size_t kBytes>
void gather_word(std::byte* out, const std::byte* source, std::size_t stride,
                 const std::uint64_t* rows, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    copy_word<kBytes>(out + i * kBytes, source + rows[i] * stride);
  }
}

template <std::size_t kWord>
void gather_two(std::byte* out, const std::byte* source, std::size_t stride, std::size_t bytes,
                const std::uint64_t* rows, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    copy_two<kWord>(out + i * bytes, source + rows[i] * stride, bytes);
  }
}

inline void gather_long(std::byte* out, const std::byte* source, std::size_t stride,
                        std::size_t bytes, const std::uint64_t* rows, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    copy_long(out + i * bytes, source + rows[i] * stride, bytes);
  }
}

// Past 4 KiB the hardware's streamer does better than we could; it only needs the row's head early.
inline void gather_cold(std::byte* out, const std::byte* source, std::size_t stride,
                        std::size_t bytes, const std::uint64_t* rows, std::size_t count) {
  const bool is_short = bytes <= 4096;
  const std::size_t ahead = is_short ? 8 : 1;
  const std::size_t head = is_short ? bytes : 512;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + ahead < count) {
      const std::byte* const soon = source + rows[i + ahead] * stride;
      for (std::size_t at = 0; at < head; at += 64) __builtin_prefetch(soon + at);
    }
    __builtin_memcpy(out + i * bytes, source + rows[i] * stride, bytes);
  }
}

inline void gather(std::byte* out, const std::byte* source, std::size_t stride, std::size_t bytes,
                   const std::uint64_t* rows, std::size_t count) {
  if (bytes == 1) return gather_word<1>(out, source, stride, rows, count);
  if (bytes == 2) return gather_word<2>(out, source, stride, rows, count);
  if (bytes == 4) return gather_word<4>(out, source, stride, rows, count);
  if (bytes == 8) return gather_word<8>(out, source, stride, rows, count);
  if (bytes == 16) return gather_word<16>(out, source, stride, rows, count);
  if (bytes < 4) return gather_two<2>(out, source, stride, bytes, rows, count);
  if (bytes < 8) return gather_two<4>(out, source, stride, bytes, rows, count);
  if (bytes < 16) return gather_two<8>(out, source, stride, bytes, rows, count);
  if (bytes <= 32) return gather_two<16>(out, source, stride, bytes, rows, count);
  if (bytes <= 64) return gather_two<32>(out, source, stride, bytes, rows, count);
  if (bytes <= 256) return gather_long(out, source, stride, bytes, rows, count);
  gather_cold(out, source, stride, bytes, rows, count);
}

// NaN is larger than everything, as in torch.max: a broken network shows in its targets.
template <typename Real>
bool exceeds(Real value, Real best) {
  return value > best || (value != value && best == best);
}

template <typename Real>
Real largest(const Real* q, std::size_t actions) {
  Real best = q[0];
  for (std::size_t a = 1; a < actions; ++a) best = exceeds(q[a], best) ? q[a] : best;
  return best;
}

template <typename Real>
std::size_t first_largest(const Real* q, std::size_t actions) {
  std::size_t best = 0;
  for (std::size_t a = 1; a < actions; ++a) best = exceeds(q[a], q[best]) ? a : best;
  return best;
}

template <typename Real>
void target(const Real* reward, const Real* discount, QValues<Real> next_q, Real* out) {
  for (std::size_t i = 0; i < next_q.rows; ++i) {
    out[i] = reward[i] + discount[i] * largest(next_q.values + i * next_q.actions, next_q.actions);
  }
}

template <typename Real>
void double_target(const Real* reward, const Real* discount, QValues<Real> online,
                   const Real* next_q_target, Real* out) {
  for (std::size_t i = 0; i < online.rows; ++i) {
    const Real* const q = online.values + i * online.actions;
    const std::size_t chosen = first_largest(q, online.actions);
    out[i] = reward[i] + discount[i] * next_q_target[i * online.actions + chosen];
  }
}

inline constexpr Kernels kSet = {kName,
                                 gather,
                                 target<float>,
                                 target<double>,
                                 double_target<float>,
                                 double_target<double>};
