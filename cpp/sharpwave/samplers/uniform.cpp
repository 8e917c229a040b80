#include "sharpwave/samplers/uniform.hpp"

#include <algorithm>
#include <vector>

namespace sharpwave {
namespace {

// Turns ages in out.rows into places and names.
void name_rows(const Ring ring, Drawn out) {
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const std::size_t age = out.rows[i];
    out.rows[i] = ring.slot(age);
    out.index[i] = ring.oldest() + static_cast<std::int64_t>(age);
  }
}

// Turns a row's number, counted by environment and then by age, into its place and name.
void name_row(std::span<const Ring> rings, std::size_t environment, std::size_t age, Drawn out,
              std::size_t i) {
  const Ring& ring = rings[environment];
  const std::int64_t time = ring.oldest() + static_cast<std::int64_t>(age);
  out.rows[i] = environment * ring.capacity() + ring.slot(age);
  out.index[i] =
      time * static_cast<std::int64_t>(rings.size()) + static_cast<std::int64_t>(environment);
}

void name_rows_of_equals(std::span<const Ring> rings, Drawn out) {
  const std::size_t each = rings.front().size();
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    name_row(rings, out.rows[i] / each, out.rows[i] % each, out, i);
  }
}

void name_rows_of_any(std::span<const Ring> rings, Drawn out) {
  std::vector<std::size_t> ends;
  for (const Ring& ring : rings) ends.push_back((ends.empty() ? 0 : ends.back()) + ring.size());
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const auto end = std::upper_bound(ends.begin(), ends.end(), out.rows[i]);
    const std::size_t begin = end == ends.begin() ? 0 : *(end - 1);
    name_row(rings, static_cast<std::size_t>(end - ends.begin()), out.rows[i] - begin, out, i);
  }
}

}  // namespace

// The three ways of naming differ in speed only.
void draw_uniform(Rng& rng, std::span<const Ring> rings, Drawn out) {
  std::size_t stored = 0;
  bool same_size = true;
  for (const Ring& ring : rings) {
    stored += ring.size();
    same_size = same_size && ring.size() == rings.front().size();
  }
  rng.fill_below(stored, out.rows);
  if (rings.size() == 1) {
    name_rows(rings.front(), out);
  } else if (same_size) {
    name_rows_of_equals(rings, out);
  } else {
    name_rows_of_any(rings, out);
  }
}

}  // namespace sharpwave
