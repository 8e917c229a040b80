// Products of small matrices, included by kernels.inl. A target says before it what `Floats` are,
// as many as one register holds, and how they are multiplied and added.

constexpr std::size_t kLanes = sizeof(Floats) / sizeof(float);
// Sums that stay in registers, of which there are 32 with the widest vectors and 16 elsewhere.
constexpr std::size_t kTileRows = 6;
constexpr std::size_t kTileVectors = kLanes == 16 ? 4 : 2;

inline Floats load_floats(const float* from) {
  Floats floats;
  __builtin_memcpy(&floats, from, sizeof(floats));
  return floats;
}

// x - 0 is x, whatever its sign.
inline Floats in_all_lanes(float x) { return x - Floats{}; }

// The first values of a row's last vector, or all of it where the row has room.
inline void store_floats(const Floats& floats, float* to, std::size_t room) {
  if (room >= kLanes) {
    __builtin_memcpy(to, &floats, sizeof(floats));
  } else {
    float values[kLanes];
    __builtin_memcpy(values, &floats, sizeof(values));
    for (std::size_t i = 0; i < room; ++i) to[i] = values[i];
  }
}

// NaN is not positive and passes, as in torch.
inline Floats where_positive(const Floats& gate, const Floats& value) {
  return gate <= 0 ? Floats{} : value;
}

template <std::size_t kRows, std::size_t kVectors>
void store_tile(const Product& p, std::size_t row, std::size_t column,
                const Floats (&sum)[kRows][kVectors]) {
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t first = column + v * kLanes;
      const std::size_t at = (row + r) * p.c_row + first;
      Floats value = sum[r][v];
      if (p.relu) value = where_positive(value, value);
      if (p.gate != nullptr) value = where_positive(load_floats(p.gate + at), value);
      store_floats(value, p.c + at, p.c_room - first);
    }
  }
}

template <std::size_t kRows, std::size_t kVectors>
void product_tile(const Product& p, std::size_t row, std::size_t column) {
  Floats sum[kRows][kVectors];
  for (std::size_t r = 0; r < kRows; ++r) {
    const Floats start = in_all_lanes(p.bias == nullptr ? 0 : p.bias[row + r]);
    for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = start;
  }
  const float* a = p.a + row * p.a_row;
  const float* b = p.b + column;
  for (std::size_t k = 0; k < p.depth; ++k, a += p.a_column, b += p.b_row) {
    Floats line[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) line[v] = load_floats(b + v * kLanes);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Floats factor = in_all_lanes(a[r * p.a_row]);
      for (std::size_t v = 0; v < kVectors; ++v) {
        sum[r][v] = multiply_add(factor, line[v], sum[r][v]);
      }
    }
  }
  store_tile<kRows, kVectors>(p, row, column, sum);
}

// What is left of the rows, and below of the columns, is a smaller tile.
template <std::size_t kRows, std::size_t kVectors>
void product_rows(const Product& p, std::size_t row, std::size_t column) {
  for (; row + kRows <= p.rows; row += kRows) product_tile<kRows, kVectors>(p, row, column);
  if constexpr (kRows > 1) product_rows<kRows - 1, kVectors>(p, row, column);
}

template <std::size_t kVectors>
void product_columns(const Product& p, std::size_t column) {
  constexpr std::size_t kWidth = kVectors * kLanes;
  for (; column + kWidth - kLanes < p.columns; column += kWidth) {
    product_rows<kTileRows, kVectors>(p, 0, column);
  }
  if constexpr (kVectors > 1) product_columns<kVectors - 1>(p, column);
}

inline void product(const Product& p) { product_columns<kTileVectors>(p, 0); }
