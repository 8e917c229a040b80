#include "sharpwave/samplers/uniform.hpp"

#include <doctest/doctest.h>

#include <vector>

using sharpwave::Ring;
using sharpwave::Rng;

namespace {

struct Draws {
  Draws(std::uint64_t seed, const std::vector<Ring>& rings, std::size_t count)
      : rows(count), index(count) {
    Rng rng(seed);
    sharpwave::Uniform(rng, rings).draw({rows, index}, [this](std::uint64_t row) {
      seen.push_back(row);
    });
  }
  std::vector<std::uint64_t> rows;
  std::vector<std::int64_t> index;
  std::vector<std::uint64_t> seen;
};

Ring filled(std::size_t capacity, int pushes) {
  Ring ring(capacity);
  for (int i = 0; i < pushes; ++i) ring.push();
  return ring;
}

double chi_square(const std::vector<int>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

}  // namespace

TEST_CASE("the draws of seed 12345 are pinned for ever") {
  const Draws draws(12345, {filled(1000, 1500)}, 4);
  CHECK(draws.index == std::vector<std::int64_t>{1053, 704, 585, 675});
}

TEST_CASE("every row of rings of different length is as likely") {
  const std::vector<Ring> rings = {filled(8, 3), filled(8, 0), filled(8, 13)};
  constexpr int kDraws = 110000;
  const Draws draws(5, rings, kDraws);
  std::vector<int> counts(3 * 8);
  for (const std::uint64_t row : draws.rows) ++counts.at(row);
  std::vector<int> stored(counts.begin(), counts.begin() + 3);
  stored.insert(stored.end(), counts.begin() + 16, counts.end());
  CHECK(chi_square(stored, kDraws / 11.0) < 60);  // 10 degrees of freedom: p = 4e-9
  stored.back() = 0;                              // a sampler that never drew the newest row
  CHECK(chi_square(stored, kDraws / 11.0) > 60);
}

TEST_CASE("rows and names are of the same transition") {
  const std::vector<Ring> rings = {filled(4, 9), filled(4, 6)};
  const Draws draws(6, rings, 500);
  CHECK(draws.seen == draws.rows);
  for (std::size_t i = 0; i < 500; ++i) {
    const auto environment = static_cast<std::uint64_t>(draws.index[i] % 2);
    const std::int64_t time = draws.index[i] / 2;
    CHECK(draws.rows[i] == environment * 4 + static_cast<std::uint64_t>(time % 4));
    CHECK(time >= rings[environment].oldest());
    CHECK(time < rings[environment].count());
  }
}
