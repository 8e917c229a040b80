#include "sharpwave/td.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sharpwave/rng.hpp"

namespace td = sharpwave::td;
using sharpwave::QValues;

namespace {

template <typename Real>
std::vector<Real> random_values(sharpwave::Rng& rng, std::size_t count) {
  std::vector<Real> values(count);
  for (Real& value : values)
    value = static_cast<Real>(static_cast<double>(rng.next()) / 1e19 - 0.5);
  return values;
}

// The definition, one row at a time and in double.
template <typename Real>
double plain(Real reward, Real discount, const Real* online, const Real* target,
             std::size_t actions) {
  std::size_t best = 0;
  for (std::size_t a = 1; a < actions; ++a) best = online[a] > online[best] ? a : best;
  return static_cast<double>(reward) +
         static_cast<double>(discount) * static_cast<double>(target[best]);
}

}  // namespace

TEST_CASE_TEMPLATE("targets equal the definition", Real, float, double) {
  sharpwave::Rng rng(1);
  for (const std::size_t rows : {1U, 2U, 31U, 32U, 257U}) {
    for (std::size_t actions = 1; actions < 20; ++actions) {
      const auto reward = random_values<Real>(rng, rows);
      const auto discount = random_values<Real>(rng, rows);
      const auto online = random_values<Real>(rng, rows * actions);
      const auto target = random_values<Real>(rng, rows * actions);
      std::vector<Real> out(rows);
      std::vector<Real> twice(rows);
      td::target(reward, discount, QValues<Real>{online.data(), rows, actions}, out);
      td::double_target(reward, discount, QValues<Real>{online.data(), rows, actions},
                        target.data(), twice);
      for (std::size_t i = 0; i < rows; ++i) {
        const Real* const q = online.data() + i * actions;
        CHECK(out[i] ==
              doctest::Approx(plain(reward[i], discount[i], q, q, actions)).epsilon(1e-6));
        CHECK(twice[i] == doctest::Approx(plain(reward[i], discount[i], q,
                                                target.data() + i * actions, actions))
                              .epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("the online network chooses and the target network values") {
  const std::vector<float> zero = {0};
  const std::vector<float> one = {1};
  const std::vector<float> online = {1, 2};
  const std::vector<float> target = {10, 5};
  std::vector<float> out(1);
  td::double_target(zero, one, QValues<float>{online.data(), 1, 2}, target.data(), out);
  CHECK(out[0] == 5);
}

TEST_CASE("of equal actions the first is chosen") {
  const std::vector<double> zero = {0};
  const std::vector<double> one = {1};
  const std::vector<double> online = {2, 2, 1};
  const std::vector<double> target = {7, 8, 9};
  std::vector<double> out(1);
  td::double_target(zero, one, QValues<double>{online.data(), 1, 3}, target.data(), out);
  CHECK(out[0] == 7);
}

TEST_CASE("NaN in any action is NaN in the target, wherever it stands") {
  const std::vector<float> zero = {0};
  const std::vector<float> one = {1};
  const std::vector<float> target = {1, 2, 3};
  for (std::size_t at = 0; at < 3; ++at) {
    std::vector<float> online = {1, 2, 3};
    online[at] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> out(1);
    td::target(zero, one, QValues<float>{online.data(), 1, 3}, out);
    CHECK(std::isnan(out[0]));
    td::double_target(zero, one, QValues<float>{online.data(), 1, 3}, target.data(), out);
    CHECK(out[0] == target[at]);  // as torch.argmax: NaN is the largest
  }
}
