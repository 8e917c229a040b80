// The loops of the sum tree, included by kernels.inl. Nodes and lines of leaves are squares (see
// in_square), and a square is always added up by scan(): whoever looks for a mass in it meets the
// very sums that its parent holds.

struct Scan {
  Quad before[4];
  double total;
};

// Of each value, the sum of those before it, in the order of children.
template <typename Value>
Scan scan(const Value* square) {
  const Quad one = load_row(square);
  const Quad two = one + load_row(square + 4);
  const Quad three = two + load_row(square + 8);
  const Quad column = three + load_row(square + 12);
  const double third = column[0] + column[1];
  const double fourth = third + column[2];
  const Quad start = {0, column[0], third, fourth};
  return {{start, start + one, start + two, start + three}, fourth + column[3]};
}

// The last child that begins at or before the mass: one that has mass of its own, or one behind the
// last that has.
template <typename Square>
std::size_t last_at_most(const Square* before, double mass) {
  return count_at_most(before, mass) - 1;
}

inline void give_to_parent(SumNode* parents, std::uint32_t node, double total) {
  parents[node / 16].sum[in_square(node % 16)] = total;
}

inline void sum_lines(const float* leaves, const std::uint32_t* list, std::size_t count,
                      SumNode* parents) {
  for (std::size_t i = 0; i < count; ++i) {
    give_to_parent(parents, list[i], scan(leaves + std::size_t{16} * list[i]).total);
  }
}

// Children behind the last one that has mass begin at infinity: a mass that rounding made as large
// as the total still finds that last one.
inline void sum_nodes(SumNode* nodes, const std::uint32_t* list, std::size_t count,
                      SumNode* parents) {
  for (std::size_t i = 0; i < count; ++i) {
    SumNode& node = nodes[list[i]];
    const Scan sums = scan(node.sum);
    for (std::size_t row = 0; row < 4; ++row) {
      const Quad before = infinite_from(sums.before[row], sums.total);
      __builtin_memcpy(node.before + 4 * row, &before, sizeof(before));
    }
    node.before[0] = 0;  // also where there is no mass at all
    give_to_parent(parents, list[i], sums.total);
  }
}

inline void enter_child(const SumNode& node, std::uint64_t& at, double& mass) {
  const std::size_t child = last_at_most(node.before, mass);
  mass -= node.before[in_square(child)];
  at = at * 16 + child;
}

inline void descend(const SumNode* nodes, const SumNode* children, std::uint64_t* at, double* mass,
                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    enter_child(nodes[at[i]], at[i], mass[i]);
    __builtin_prefetch(children[at[i]].before, 0, 3);
    __builtin_prefetch(children[at[i]].before + 8, 0, 3);
  }
}

inline void descend_to_lines(const SumNode* nodes, const float* leaves, std::uint64_t* at,
                             double* mass, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    enter_child(nodes[at[i]], at[i], mass[i]);
    __builtin_prefetch(leaves + 16 * at[i], 0, 2);
  }
}

inline std::size_t last_positive(const float* line) {
  std::size_t child = 15;
  while (child > 0 && !(line[in_square(child)] > 0)) --child;
  return child;
}

inline void find_leaves(const float* leaves, std::uint64_t* at, const double* mass,
                        std::size_t count, float* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const float* const line = leaves + 16 * at[i];
    const Scan sums = scan(line);
    const bool is_inside = mass[i] < sums.total;
    const std::size_t leaf = is_inside ? last_at_most(sums.before, mass[i]) : last_positive(line);
    at[i] = at[i] * 16 + leaf;
    values[i] = line[in_square(leaf)];
  }
}

// On the bits less one, as integers: they order positive values as the values themselves, and zero
// becomes the largest of all.
inline float smallest_of(const float* values, std::size_t count) {
  std::uint32_t least = UINT32_MAX;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    __builtin_memcpy(&bits, values + i, sizeof(bits));
    least = bits - 1 < least ? bits - 1 : least;
  }
  ++least;
  float result = 0;
  __builtin_memcpy(&result, &least, sizeof(result));
  return result;
}

inline void smallest(const float* values, const std::uint32_t* list, std::size_t count,
                     float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    out[list[i]] = smallest_of(values + std::size_t{16} * list[i], 16);
  }
}
