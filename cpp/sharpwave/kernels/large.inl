// Loops that copy values of many lines; a part of kernels.inl.

constexpr std::size_t kLine = 64;

// Where a line can be stored past the caches: nobody then fetches what it overwrites, and it takes
// no other line's place.
#ifdef __clang__
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
#ifdef __AVX512F__
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
#ifdef __x86_64__
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
  for (; at + 16 <= bytes; at += 16) copy_word<16>(out + at, from + at);
  for (; at + 4 <= bytes; at += 4) copy_word<4>(out + at, from + at);
  for (; at < bytes; ++at) out[at] = from[at];
}

// Rows behind each other past the caches. A line in which one row ends and the next begins is put
// together first: a line written in two parts would have to be fetched.
struct Stream {
  std::byte* out;
  std::size_t held;  // bytes of `line` that are there already
  alignas(kLine) std::byte line[kLine];
};

inline void stream_row(Stream& to, const std::byte* from, std::size_t bytes) {
  std::size_t at = 0;
  if (to.held != 0) {
    at = kLine - to.held;
    copy_part(to.line + to.held, from, at);
    stream_line(to.out, to.line);
    to.out += kLine;
  }
  std::byte* const out = to.out - at;
  for (; at + kLine <= bytes; at += kLine) stream_line(out + at, from + at);
  to.out = out + at;
  to.held = bytes - at;
  copy_part(to.line, from + at, to.held);
}

inline void gather_streamed(std::byte* out, const std::byte* const* rows, std::size_t offset,
                            std::size_t bytes, std::size_t count, float) {
  if (count == 0) return;
  const std::size_t head = -reinterpret_cast<std::uintptr_t>(out) % kLine;
  copy_part(out, rows[0] + offset, head);
  Stream to{out + head, 0, {}};
  for (std::size_t i = 0; i < count; ++i) {
    prefetch_soon(rows, i, count, offset, bytes);
    const std::size_t skipped = i == 0 ? head : 0;
    stream_row(to, rows[i] + offset + skipped, bytes - skipped);
  }
  copy_part(to.out, to.line, to.held);
  finish_stream();
}
#else
constexpr GatherKernel gather_streamed = gather_large;
#endif

#undef SHARPWAVE_STREAMS
