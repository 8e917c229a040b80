#include "sharpwave/samplers/uniform.hpp"

#include <algorithm>
#include <vector>

namespace sharpwave {
namespace {

struct Place {
  std::size_t env;
  std::size_t age;
};

void write(std::span<const Ring> rings, Place place, Drawn out, std::size_t i) {
  const Ring& ring = rings[place.env];
  const std::int64_t time = ring.oldest() + static_cast<std::int64_t>(place.age);
  out.rows[i] = place.env * ring.capacity() + ring.slot(place.age);
  out.index[i] =
      time * static_cast<std::int64_t>(rings.size()) + static_cast<std::int64_t>(place.env);
}

void draw_from_one(Rng& rng, const Ring& ring, Drawn out) {
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const std::size_t age = rng.below(ring.size());
    out.rows[i] = ring.slot(age);
    out.index[i] = ring.oldest() + static_cast<std::int64_t>(age);
  }
}

void draw_from_equals(Rng& rng, std::span<const Ring> rings, Drawn out) {
  const std::size_t each = rings.front().size();
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const std::size_t k = rng.below(each * rings.size());
    write(rings, {k / each, k % each}, out, i);
  }
}

void draw_from_any(Rng& rng, std::span<const Ring> rings, Drawn out) {
  std::vector<std::size_t> ends;
  for (const Ring& ring : rings) ends.push_back((ends.empty() ? 0 : ends.back()) + ring.size());
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const std::size_t k = rng.below(ends.back());
    const auto end = std::upper_bound(ends.begin(), ends.end(), k);
    const std::size_t begin = end == ends.begin() ? 0 : *(end - 1);
    write(rings, {static_cast<std::size_t>(end - ends.begin()), k - begin}, out, i);
  }
}

}  // namespace

// The three differ in speed only: each maps the k-th row, counted by environment and age, alike.
void draw_uniform(Rng& rng, std::span<const Ring> rings, Drawn out) {
  const auto same_size = [&](const Ring& ring) { return ring.size() == rings.front().size(); };
  if (rings.size() == 1) {
    draw_from_one(rng, rings.front(), out);
  } else if (std::all_of(rings.begin(), rings.end(), same_size)) {
    draw_from_equals(rng, rings, out);
  } else {
    draw_from_any(rng, rings, out);
  }
}

}  // namespace sharpwave
