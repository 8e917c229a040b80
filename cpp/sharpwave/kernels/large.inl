// Loops that copy values of many lines; a part of kernels.inl.

constexpr std::size_t kLine = 64;

// Where a line can be stored past the caches: nobody then fetches what it overwrites, and it takes
// no other line's place.
#if defined(__clang__)
#define SHARPWAVE_STREAMS 1
inline void stream_line(std::byte* out, const std::byte* from) {
  using Line = long long __attribute__((vector_size(kLine)));
  Line line;
  __builtin_memcpy(&line, from, kLine);
  __builtin_nontemporal_store(line, reinterpret_cast<Line*>(out));
}
#elif defined(__GNUC__) && defined(__x86_64__)
#define SHARPWAVE_STREAMS 1
inline void stream_line(std::byte* out, const std::byte* from) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(out), _mm512_loadu_si512(from));
#elif defined(__AVX2__)
  for (std::size_t at = 0; at < kLine; at += 32) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(out + at),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at)));
  }
#else
  for (std::size_t at = 0; at < kLine; at += 16) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + at),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  }
#endif
}
#endif

#ifdef SHARPWAVE_STREAMS
// What was streamed is visible to whoever sees a later store, as with every other store.
inline void finish_stream() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
#endif

// Asks for the row that comes soon. Past 4 KiB the hardware's streamer does better than we could;
// it only needs the row's head early.
inline void prefetch_soon(const std::byte* const* rows, std::size_t i, std::size_t count,
                          std::size_t offset, std::size_t bytes) {
  const bool is_short = bytes <= 4096;
  const std::size_t soon = i + (is_short ? 8 : 1);
  const std::size_t head = is_short ? bytes : 512;
  if (soon >= count) return;
  for (std::size_t at = 0; at < head; at += kLine) {
    __builtin_prefetch(rows[soon] + offset + at, 0, 2);
  }
}

// Line after line: the C library's copy of this size is the processor's own string copy, which is
// slower on some.
inline void copy_lines(std::byte* out, const std::byte* from, std::size_t bytes) {
  std::size_t at = 0;
  for (; at + kLine <= bytes; at += kLine) copy_word<kLine>(out + at, from + at);
  copy_word<kLine>(out + bytes - kLine, from + bytes - kLine);
}

inline void gather_large(std::byte* out, const std::byte* const* rows, std::size_t offset,
                         std::size_t bytes, std::size_t count, float) {
  for (std::size_t i = 0; i < count; ++i) {
    prefetch_soon(rows, i, count, offset, bytes);
    copy_lines(out + i * bytes, rows[i] + offset, bytes);
  }
}

#ifdef SHARPWAVE_STREAMS
// Fewer bytes than a line.
inline void copy_part(std::byte* out, const std::byte* from, std::size_t bytes) {
  std::size_t at = 0;
  if (bytes & 32) copy_word<32>(out + at, from + at), at += 32;
  if (bytes & 16) copy_word<16>(out + at, from + at), at += 16;
  for (; at + 4 <= bytes; at += 4) copy_word<4>(out + at, from + at);
  for (; at < bytes; ++at) out[at] = from[at];
}

// Whole lines of `out` past the caches, and what is before and behind them as usual.
inline void stream_lines(std::byte* out, const std::byte* from, std::size_t bytes) {
  std::size_t at = -reinterpret_cast<std::uintptr_t>(out) % kLine;
  copy_part(out, from, at);
  for (; at + kLine <= bytes; at += kLine) stream_line(out + at, from + at);
  copy_part(out + at, from + at, bytes - at);
}

inline void gather_streamed(std::byte* out, const std::byte* const* rows, std::size_t offset,
                            std::size_t bytes, std::size_t count, float) {
  for (std::size_t i = 0; i < count; ++i) {
    prefetch_soon(rows, i, count, offset, bytes);
    stream_lines(out + i * bytes, rows[i] + offset, bytes);
  }
  finish_stream();
}
#else
constexpr GatherKernel gather_streamed = gather_large;
#endif

#undef SHARPWAVE_STREAMS
