// The bare loop: the work of sample() with nothing around it, as fast as we know how to write it.
//
// It keeps the buffer's promise of storage: an observation is stored once, so a row's successor is
// the obs of the record behind it, or lies aside where an episode ends. One record a row, so that a
// row and its successor are one run of lines. Draws, prefetches and copies are one loop over a
// reused block. Compiled by limit.py with -O3 -march=native -DOBS=… -DACTION=…, so that every copy
// has a constant size.
//
// Two prefetches: into L2 far ahead, because a core holds more outstanding lines there than in L1,
// and into L1 shortly before the copy. bench/README.md has what other layouts and distances gave.

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace {

constexpr std::size_t kLine = 64, kHugePage = 2 << 20;
constexpr std::int64_t kFar = 64, kNear = 16;  // rows ahead

struct Row {
  float obs[OBS];
  float action[ACTION];
  float reward;
  std::int32_t aside;  // where the successor lies that is not the next row's obs, or -1
  bool terminated, truncated;
};

struct Obs {
  float values[OBS];
};

struct Columns {  // what a batch is: the same bytes that a buffer hands out
  float *obs, *action, *reward, *next_obs;
  bool *terminated, *truncated;
  float* discount;
  std::int64_t* index;
};

// xoshiro256++ (Blackman and Vigna 2019), seeded by splitmix64; bounded by Lemire (2019).
struct Rng {
  std::uint64_t s[4];

  explicit Rng(std::uint64_t seed) {
    for (auto& word : s) {
      std::uint64_t z = (seed += 0x9e3779b97f4a7c15u);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }
  static std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t next() {
    const std::uint64_t result = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3];
    s[2] ^= t, s[3] = rotl(s[3], 45);
    return result;
  }
  std::int64_t below(std::uint64_t n) {
    auto product = static_cast<unsigned __int128>(next()) * n;
    if (static_cast<std::uint64_t>(product) < n) {
      const std::uint64_t floor = -n % n;
      while (static_cast<std::uint64_t>(product) < floor)
        product = static_cast<unsigned __int128>(next()) * n;
    }
    return static_cast<std::int64_t>(product >> 64);
  }
};

struct Table {
  Row* rows;  // and one more, for the last one's successor
  std::vector<Obs> aside;
  std::int64_t size;
  float gamma;
  Rng rng;
};

template <int Level>
void prefetch(const Row* row) {
  constexpr std::size_t kTouched = sizeof(Row) + sizeof(Obs);
  const char* line = reinterpret_cast<const char*>(row);
  for (std::size_t at = 0; at < kTouched; at += kLine) __builtin_prefetch(line + at, 0, Level);
  __builtin_prefetch(line + kTouched - 1, 0, Level);
}

void copy(const Table& table, const Columns& out, std::int64_t to) {
  const Row& row = table.rows[out.index[to]];
  const float* const next_obs = row.aside < 0 ? (&row + 1)->obs : table.aside[row.aside].values;
  std::memcpy(out.obs + to * OBS, row.obs, sizeof row.obs);
  std::memcpy(out.next_obs + to * OBS, next_obs, sizeof(Obs));
  std::memcpy(out.action + to * ACTION, row.action, sizeof row.action);
  out.reward[to] = row.reward;
  out.terminated[to] = row.terminated;
  out.truncated[to] = row.truncated;
  out.discount[to] = row.terminated ? 0.0F : table.gamma;
}

[[gnu::noinline]] void sample(Table& table, const Columns& out, std::int64_t batch) {
  Rng rng = table.rng;  // in registers
  const Row* const rows = table.rows;
  const auto draw = [&](std::int64_t i) {
    out.index[i] = rng.below(static_cast<std::uint64_t>(table.size));
    prefetch<2>(rows + out.index[i]);
  };
  const std::int64_t far = std::min(batch, kFar), near = std::min(batch, batch > kFar ? kNear : 0);
  std::int64_t i = 0;
  for (std::int64_t k = 0; k < far; ++k) draw(k);
  for (std::int64_t k = 0; k < near; ++k) prefetch<3>(rows + out.index[k]);
  for (; i + far < batch; ++i) {
    draw(i + far);
    prefetch<3>(rows + out.index[i + near]);
    copy(table, out, i);
  }
  for (; i + near < batch; ++i) {
    if (near > 0) prefetch<3>(rows + out.index[i + near]);
    copy(table, out, i);
  }
  for (; i < batch; ++i) copy(table, out, i);
  table.rng = rng;
}

}  // namespace

extern "C" {

void* limit_make(std::int64_t rows, const float* obs, const float* action, const float* reward,
                 const float* next_obs, const bool* terminated, const bool* truncated, float gamma,
                 std::uint64_t seed) {
  const std::size_t bytes =
      (static_cast<std::size_t>(rows + 1) * sizeof(Row) / kHugePage + 1) * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, bytes);
  if (memory == nullptr) return nullptr;
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  auto* table = new Table{static_cast<Row*>(memory), {}, rows, gamma, Rng(seed)};
  for (std::int64_t i = 0; i < rows; ++i) {
    Row* row = new (table->rows + i) Row{};
    std::memcpy(row->obs, obs + i * OBS, sizeof row->obs);
    const float* const successor = next_obs + i * OBS;
    const bool is_last = i + 1 == rows;
    row->aside = -1;
    if (is_last) {
      std::memcpy(new (row + 1) Row{}, successor, sizeof(Obs));
    } else if (std::memcmp(successor, obs + (i + 1) * OBS, sizeof(Obs)) != 0) {
      row->aside = static_cast<std::int32_t>(table->aside.size());
      std::memcpy(table->aside.emplace_back().values, successor, sizeof(Obs));
    }
    std::memcpy(row->action, action + i * ACTION, sizeof row->action);
    row->reward = reward[i];
    row->terminated = terminated[i], row->truncated = truncated[i];
  }
  return table;
}

void limit_free(void* handle) {
  auto* table = static_cast<Table*>(handle);
  std::free(table->rows);
  delete table;
}

void limit_sample(void* handle, const Columns* out, std::int64_t batch, std::int64_t calls) {
  for (std::int64_t call = 0; call < calls; ++call)
    sample(*static_cast<Table*>(handle), *out, batch);
}
}
