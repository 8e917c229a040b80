#pragma once
// The hot loops, chosen once for this machine's processor.
//
// kernels.inl is compiled for the baseline and again for wider vectors; kernels() picks the widest
// that the processor has, or the one that the environment variable SHARPWAVE_CPU names ("baseline",
// "avx2", "avx512").
//
// Threads: all. Invariants: every set of kernels returns the same bits, but for `product`: where a
// processor multiplies and adds in one step it rounds once.

#include <cstddef>
#include <cstdint>

#include "sharpwave/schema.hpp"

namespace sharpwave {

// `rows` values of `actions` each, row after row.
template <typename Real>
struct QValues {
  const Real* values;
  std::size_t rows;
  std::size_t actions;
};

// out[i] = the value stored at rows[i] + offset, for count rows, decoded to `bytes` bytes.
// `divisor` is for those that divide.
using GatherKernel = void (*)(std::byte* out, const std::byte* const* rows, std::size_t offset,
                              std::size_t bytes, std::size_t count, float divisor);

// Sixteen children of a sum tree's node: their sums, and for each the sum of those before it.
// Child i stands at place in_square(i) of both arrays.
struct SumNode {
  double sum[16];
  double before[16];
};

// A node is a square of four by four, kept column by column: running sums of its four columns are
// then sums of whole rows, and no value moves sideways.
constexpr std::size_t in_square(std::size_t child) { return ((child & 3) << 2) | (child >> 2); }

// p = (|td_error| + eps)^alpha
struct PriorityRule {
  float alpha;
  float eps;
};

// How large values that are copied as they are reach memory: as usual, or past the caches, which is
// faster where they are more than the caches hold. Others are stored as usual.
enum class Store : bool { kCached, kStreamed };

// C = bias + A B, B and C row after row. A's element (i, k) is a[i * a_row + k * a_column].
// Rows of B, and of the gate, are read on to a multiple of 16 columns, and what is computed of them
// is written as far as there is room.
struct Product {
  std::size_t rows;
  std::size_t columns;
  std::size_t depth;
  const float* a;
  std::size_t a_row;
  std::size_t a_column;
  const float* b;
  std::size_t b_row;
  float* c;
  std::size_t c_row;
  std::size_t c_room;           // how many values of a row may be written
  const float* bias = nullptr;  // one a row, or none
  bool relu = false;            // what is not positive becomes 0
  const float* gate = nullptr;  // laid out as C, or none: where it is not positive C is 0
};

// One step of Adam over `count` parameters (adam.hpp), its constants as they are rounded.
struct AdamLoop {
  float scale;      // of the gradient, which is left scaled
  float step_size;  // over the first moment's bias correction
  float root;       // of the second's
  float first;      // 1 - beta1
  float beta2;
  float second;  // 1 - beta2
  float eps;
  std::size_t count;
  float* value;
  float* gradient;
  float* m;
  float* v;
};

struct Kernels {
  const char* name;

  // The kernel for this field's values, which copies or decodes them.
  GatherKernel (*gather_for)(const Field& field, Store store);

  // out = reward + discount * max_a next_q
  void (*target_f32)(const float* reward, const float* discount, QValues<float> next_q, float* out);
  void (*target_f64)(const double* reward, const double* discount, QValues<double> next_q,
                     double* out);

  // out = reward + discount * next_q_target[argmax_a next_q_online]
  void (*double_target_f32)(const float* reward, const float* discount, QValues<float> online,
                            const float* next_q_target, float* out);
  void (*double_target_f64)(const double* reward, const double* discount, QValues<double> online,
                            const double* next_q_target, double* out);

  // The sum tree (samplers/sum_tree.hpp). A list names `count` nodes, or lines of sixteen leaves,
  // and what is computed of each goes to its parent.
  void (*sum_lines)(const float* leaves, const std::uint32_t* list, std::size_t count,
                    SumNode* parents);
  void (*sum_nodes)(SumNode* nodes, const std::uint32_t* list, std::size_t count, SumNode* parents);
  // out[list[i]] = the smallest positive one of values[16 * list[i]] and the 15 behind it, or 0.
  void (*smallest)(const float* values, const std::uint32_t* list, std::size_t count, float* out);
  // One level down: at[i] becomes the child of node at[i] in which mass[i] lies, and mass[i] what
  // is left of it there; the child is prefetched. descend_to_lines: the children are lines.
  void (*descend)(const SumNode* nodes, const SumNode* children, std::uint64_t* at, double* mass,
                  std::size_t count);
  void (*descend_to_lines)(const SumNode* nodes, const float* leaves, std::uint64_t* at,
                           double* mass, std::size_t count);
  // at[i] becomes the leaf of line at[i] in which mass[i] lies, one that is not zero, and values[i]
  // its value.
  void (*find_leaves)(const float* leaves, std::uint64_t* at, const double* mass, std::size_t count,
                      float* values);

  bool (*all_finite)(const float* values, std::size_t count);
  // The smallest positive value, or 0.
  float (*smallest_of)(const float* values, std::size_t count);

  // Priorities and weights, with a relative error below 1e-7; exact for exponents 0 and 1.
  // Returns the largest priority. No priority is infinite.
  float (*priorities)(const float* td_error, PriorityRule rule, std::size_t count, float* out);
  // out = (smallest / priority)^beta; a priority of 0 has weight 0. `out` may be `priority`.
  void (*weights)(const float* priority, float smallest, float beta, std::size_t count, float* out);

  void (*product)(const Product& product);
  void (*adam)(const AdamLoop& loop);
};

const Kernels& kernels();

// Into the second-level cache: a core has room for more outstanding lines there than in the first
// level, and copying from the second level costs next to nothing (docs/decisions/0003).
inline void prefetch(const void* address) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(address, 0, 2);
#else
  (void)address;
#endif
}

}  // namespace sharpwave
