// The bare loops over frames: the bytes of stacks and of sequences, from storage that has each
// frame once, into blocks that are used in turn. Beside them plain memcpy: as many frames, each
// from a random place of the same storage, into the same blocks.
//
// Compiled by compiled.py with -O3 -march=native -DFRAME=…. A block that no cache holds is written
// past it (non-temporal stores), which is what made the largest difference; then copies line by
// line in place of the C library's, and the heads of the next row's frames asked for ahead.

#include <immintrin.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>

namespace {

constexpr std::size_t kLine = 64, kHugePage = 2 << 20;
constexpr std::size_t kStride = (FRAME + kLine - 1) / kLine * kLine;
constexpr std::size_t kLargestCached = 8 << 20;

struct Store {
  std::byte* frames;
  std::int64_t count;
  std::mt19937_64 rng;

  const std::byte* at(std::int64_t frame) const { return frames + frame * kStride; }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>((static_cast<unsigned __int128>(rng()) * n) >> 64);
  }
};

// Of each row: the frames of its observation and of its successor, and behind which row its episode
// ends.
struct Rows {
  const std::int64_t *frames, *next_frames, *end;
  std::int64_t count, depth;
};

struct Out {
  std::byte *obs, *next_obs;
  float* reward;
  bool* mask;
};

void copy(std::byte* out, const std::byte* from) {
  std::size_t at = 0;
  for (; at + kLine <= FRAME; at += kLine)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at))),
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at + 32),
                            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at + 32)));
  if (at < FRAME) std::memcpy(out + FRAME - kLine, from + FRAME - kLine, kLine);
}

void stream(std::byte* out, const std::byte* from) {
  std::size_t at = -reinterpret_cast<std::uintptr_t>(out) % kLine;
  if (at != 0) std::memcpy(out, from, kLine);
  for (; at + kLine <= FRAME; at += kLine)
#ifdef __AVX512F__
    _mm512_stream_si512(reinterpret_cast<__m512i*>(out + at), _mm512_loadu_si512(from + at));
#else
    for (std::size_t half = at; half < at + kLine; half += 32)
      _mm256_stream_si256(reinterpret_cast<__m256i*>(out + half),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + half)));
#endif
  std::memcpy(out + at, from + at, FRAME - at);
}

template <typename Copy>
void stacks(Store& store, const Rows& rows, const Out& out, std::int64_t size, Copy copy) {
  const std::int64_t depth = rows.depth;
  std::int64_t row = store.below(rows.count);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t now = row;
    row = store.below(rows.count);
    for (std::int64_t k = 0; k < depth; ++k)
      for (std::size_t line = 0; line < 512; line += kLine)
        __builtin_prefetch(store.at(rows.frames[row * depth + k]) + line, 0, 2);
    std::byte *const obs = out.obs + i * depth * FRAME, *const next =
                                                            out.next_obs + i * depth * FRAME;
    for (std::int64_t k = 0; k < depth; ++k)
      copy(obs + k * FRAME, store.at(rows.frames[now * depth + k]));
    for (std::int64_t k = 0; k < depth; ++k)
      copy(next + k * FRAME, store.at(rows.next_frames[now * depth + k]));
    out.reward[i] = static_cast<float>(now);
  }
}

template <typename Copy>
void sequences(Store& store, const Rows& rows, const Out& out, std::int64_t size,
               std::int64_t length, Copy copy) {
  for (std::int64_t i = 0; i < size; ++i) {
    std::int64_t row = store.below(rows.count);
    const std::int64_t end = rows.end[row];
    for (std::int64_t step = i * length; step < (i + 1) * length; ++step, ++row) {
      std::byte *const obs = out.obs + step * FRAME, *const next = out.next_obs + step * FRAME;
      out.mask[step] = row < end;
      out.reward[step] = row < end ? static_cast<float>(row) : 0;
      if (row < end) {
        copy(obs, store.at(rows.frames[row]));
        copy(next, store.at(rows.next_frames[row]));
      } else {
        std::memset(obs, 0, FRAME);
        std::memset(next, 0, FRAME);
      }
    }
  }
}

// use(copy): as usual, or past the caches.
template <typename Use>
void with_copy(std::size_t bytes, Use use) {
  if (bytes <= kLargestCached) return use(copy);
  use(stream);
  _mm_sfence();
}

}  // namespace

extern "C" {

void* limit_frames_make(const std::byte* frames, std::int64_t count, std::uint64_t seed) {
  const std::size_t bytes = (count * kStride / kHugePage + 1) * kHugePage;
  void* const memory = std::aligned_alloc(kHugePage, bytes);
  if (memory == nullptr) return nullptr;
  madvise(memory, bytes, MADV_HUGEPAGE);
  auto* const store = new Store{static_cast<std::byte*>(memory), count, std::mt19937_64(seed)};
  for (std::int64_t i = 0; i < count; ++i)
    std::memcpy(store->frames + i * kStride, frames + i * FRAME, FRAME);
  return store;
}

void limit_frames_free(void* handle) {
  auto* const store = static_cast<Store*>(handle);
  std::free(store->frames);
  delete store;
}

// Two blocks in turn, as a training loop has them: the last batch is held while the next is drawn.
void limit_stacks(void* handle, const Rows* rows, const Out* outs, std::int64_t size,
                  std::int64_t calls) {
  auto& store = *static_cast<Store*>(handle);
  with_copy(2 * size * rows->depth * FRAME, [&](auto copy) {
    for (std::int64_t call = 0; call < calls; ++call)
      stacks(store, *rows, outs[call % 2], size, copy);
  });
}

void limit_sequences(void* handle, const Rows* rows, const Out* outs, std::int64_t size,
                     std::int64_t length, std::int64_t calls) {
  auto& store = *static_cast<Store*>(handle);
  with_copy(2 * size * length * FRAME, [&](auto copy) {
    for (std::int64_t call = 0; call < calls; ++call)
      sequences(store, *rows, outs[call % 2], size, length, copy);
  });
}

// `frames` frames for each of obs and next_obs.
void limit_memcpy(void* handle, const Out* outs, std::int64_t frames, std::int64_t calls) {
  auto& store = *static_cast<Store*>(handle);
  for (std::int64_t call = 0; call < calls; ++call)
    for (std::byte* const out : {outs[call % 2].obs, outs[call % 2].next_obs})
      for (std::int64_t i = 0; i < frames; ++i)
        std::memcpy(out + i * FRAME, store.at(store.below(store.count)), FRAME);
}
}
