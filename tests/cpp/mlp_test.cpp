#include "sharpwave/mlp.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "plain_mlp.hpp"
#include "sharpwave/adam.hpp"
#include "sharpwave/dqn_step.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/rng.hpp"

using sharpwave::DqnLoss;
using sharpwave::DqnStep;
using sharpwave::InvalidValue;
using sharpwave::Mlp;

using namespace plain;

namespace {

constexpr std::array<std::size_t, 8> kBatches = {1, 2, 15, 16, 33, 64, 100, 257};

std::vector<Widths> networks() {
  return {{1, 1},        {3, 2},          {17, 33, 1},     {4, 120, 84, 2},
          {1, 16, 1, 3}, {33, 7, 65, 48}, {5, 3, 97, 3, 2}};
}

struct Batch {
  Floats obs;
  std::vector<std::int64_t> action;
  Floats reward;
  Floats next_obs;
  Floats discount;
  Floats weight;
};

Batch random_batch(Rng& rng, std::size_t size, const Widths& widths, std::int64_t first) {
  Batch batch{numbers(rng, size * widths.front()),
              {},
              numbers(rng, size),
              numbers(rng, size * widths.front()),
              numbers(rng, size),
              numbers(rng, size)};
  for (std::size_t i = 0; i < size; ++i) {
    batch.action.push_back(first + static_cast<std::int64_t>(rng.below(widths.back())));
    batch.reward[i] *= 6;  // errors on both sides of Huber's bend
  }
  return batch;
}

std::size_t best_of(const Doubles& q) {
  std::size_t best = 0;
  for (std::size_t a = 0; a < q.size(); ++a) best = q[a] > q[best] ? a : best;
  return best;
}

struct Expected {
  double loss = 0;
  Doubles td_error;
  Doubles gradient;
};

Expected plain_step(const PlainMlp& online, const PlainMlp& target, const Batch& batch,
                    std::int64_t first, const DqnLoss& rule) {
  const std::size_t size = batch.action.size();
  Expected expected{0, {}, Doubles(online.parameters.size())};
  for (std::size_t i = 0; i < size; ++i) {
    const float* const next_obs = batch.next_obs.data() + i * online.widths[0];
    const float* const obs = batch.obs.data() + i * online.widths[0];
    const Doubles next_q = target.forward(next_obs).back();
    const Doubles chooser = rule.is_double ? online.forward(next_obs).back() : next_q;
    const Doubles q = online.forward(obs).back();
    const auto action = static_cast<std::size_t>(batch.action[i] - first);
    const double y = static_cast<double>(batch.reward[i]) +
                     static_cast<double>(batch.discount[i]) * next_q[best_of(chooser)];
    const double error = q[action] - y;
    const double weight = batch.weight.empty() ? 1 : static_cast<double>(batch.weight[i]);
    const double share = weight / static_cast<double>(size);
    const bool is_far = rule.is_huber && std::fabs(error) > 1;
    const double square = rule.is_huber ? 0.5 * error * error : error * error;
    expected.loss += share * (is_far ? std::fabs(error) - 0.5 : square);
    expected.td_error.push_back(std::fabs(error));
    Doubles slope(q.size());
    slope[action] = share * (is_far ? std::copysign(1, error) : (rule.is_huber ? 1 : 2) * error);
    online.backward(obs, slope, expected.gradient);
  }
  return expected;
}

// A step that leaves the gradient as it is, and moves nothing.
constexpr sharpwave::AdamRule kStill{0, 0.9, 0.999, 1e-8, {}};

}  // namespace

TEST_CASE("mlp: values and gradient equal the definition, whatever the widths and the batch") {
  Rng rng(1);
  for (const Widths& widths : networks()) {
    Mlp mlp(widths);
    const PlainMlp plain{widths, numbers(rng, mlp.parameters())};
    for (const std::size_t size : kBatches) {  // one after another, in one object
      const Floats obs = numbers(rng, size * mlp.inputs());
      const Floats slope = numbers(rng, size * mlp.outputs());
      Floats out(size * mlp.outputs(), kNan);
      Floats gradient(mlp.parameters(), kNan);
      mlp.see(obs.data(), size);
      mlp.forward(plain.parameters.data(), out.data());
      mlp.backward(plain.parameters.data(), slope.data(), gradient.data());
      Doubles values;
      Doubles expected(mlp.parameters());
      for (std::size_t i = 0; i < size; ++i) {
        const float* const row = obs.data() + i * mlp.inputs();
        const Doubles y = plain.forward(row).back();
        values.insert(values.end(), y.begin(), y.end());
        const float* const s = slope.data() + i * mlp.outputs();
        plain.backward(row, Doubles(s, s + mlp.outputs()), expected);
      }
      check_close(out, values);
      check_close(gradient, expected);
    }
  }
}

TEST_CASE("mlp: one of an ensemble has its own of all parameters, and writes its own gradient") {
  Rng rng(5);
  for (const Widths& widths : networks()) {
    const std::size_t count = Mlp(widths).parameters();
    const PlainMlp network{widths, numbers(rng, count)};
    const Floats parameters =
        together<float>(widths, {numbers(rng, count), network.parameters, numbers(rng, count)});
    Mlp mlp(widths, sharpwave::Member{1, 3});
    REQUIRE(mlp.parameters() == 3 * count);
    for (const std::size_t size : kBatches) {
      const Floats obs = numbers(rng, size * mlp.inputs());
      const Floats slope = numbers(rng, size * mlp.outputs());
      Floats out(size * mlp.outputs(), kNan);
      Floats gradient(3 * count, 7);
      mlp.see(obs.data(), size);
      mlp.forward(parameters.data(), out.data());
      mlp.backward(parameters.data(), slope.data(), gradient.data());
      Doubles values;
      Doubles expected(count);
      for (std::size_t i = 0; i < size; ++i) {
        const float* const row = obs.data() + i * mlp.inputs();
        const Doubles y = network.forward(row).back();
        values.insert(values.end(), y.begin(), y.end());
        const float* const s = slope.data() + i * mlp.outputs();
        network.backward(row, Doubles(s, s + mlp.outputs()), expected);
      }
      check_close(out, values);
      check_close(gradient,
                  together<double>(widths, {Doubles(count, 7), expected, Doubles(count, 7)}));
    }
  }
}

TEST_CASE("mlp: the gradient by its last inputs, of a batch in two parts, equals the definition") {
  Rng rng(6);
  for (const Widths& widths : networks()) {
    const std::size_t count = Mlp(widths).parameters();
    const PlainMlp network{widths, numbers(rng, count)};
    const Floats parameters = together<float>(widths, {network.parameters});
    for (const bool is_member : {false, true}) {
      Mlp mlp = is_member ? Mlp(widths, sharpwave::Member{0, 1}) : Mlp(widths);
      const Floats& own = is_member ? parameters : network.parameters;
      for (const std::size_t size : kBatches) {
        const std::size_t last = 1 + rng.below(mlp.inputs());
        const std::size_t first = mlp.inputs() - last;
        const Floats obs = numbers(rng, size * first);
        const Floats action = numbers(rng, size * last);
        const Floats slope = numbers(rng, size * mlp.outputs());
        Floats out(size * mlp.outputs());
        Floats by_last(size * last, kNan);
        mlp.see(obs.data(), action.data(), last, size);
        mlp.forward(own.data(), out.data());
        mlp.backward_to_inputs(own.data(), slope.data(), last, by_last.data());
        Doubles expected;
        for (std::size_t i = 0; i < size; ++i) {
          Floats row(obs.data() + i * first, obs.data() + (i + 1) * first);
          row.insert(row.end(), action.data() + i * last, action.data() + (i + 1) * last);
          const float* const s = slope.data() + i * mlp.outputs();
          Doubles unused(count);
          const Doubles all = network.backward(row.data(), Doubles(s, s + mlp.outputs()), unused);
          expected.insert(expected.end(), all.end() - static_cast<std::ptrdiff_t>(last), all.end());
        }
        check_close(by_last, expected);
      }
    }
  }
}

TEST_CASE("mlp: a ReLU keeps NaN, and gives nothing back where its value is 0") {
  Mlp mlp({1, 1, 1});
  const Floats parameters = {1, 0, 1, 0};
  const Floats obs = {kNan, -1, 0, 2};
  const Floats slope = {0, 1, 1, 1};
  Floats out(4);
  Floats gradient(4);
  mlp.see(obs.data(), 4);
  mlp.forward(parameters.data(), out.data());
  CHECK(std::isnan(out[0]));
  CHECK(Floats(out.begin() + 1, out.end()) == Floats{0, 0, 2});
  mlp.see(obs.data() + 1, 3);
  mlp.forward(parameters.data(), out.data());
  mlp.backward(parameters.data(), slope.data() + 1, gradient.data());
  CHECK(gradient == Floats{2, 1, 2, 3});
}

TEST_CASE("mlp: widths without an input, an output or a unit are refused") {
  for (const Widths& widths : {Widths{}, Widths{3}, Widths{3, 0}, Widths{0, 3}, Widths{3, 0, 2}}) {
    CHECK_THROWS_AS(Mlp{widths}, InvalidValue);
  }
}

TEST_CASE("dqn_step: loss, td_error and gradient equal the definition") {
  Rng rng(2);
  constexpr std::int64_t kFirst = 5;
  for (const Widths& widths : networks()) {
    for (const std::size_t size : {1U, 33U, 128U}) {
      for (const DqnLoss& rule :
           {DqnLoss{false, false, {}}, {false, true, {}}, {true, false, {}}, {true, true, {}}}) {
        DqnStep step({widths, false, false}, kFirst, rule);
        PlainMlp online{widths, numbers(rng, step.parameters())};
        const PlainMlp target{widths, numbers(rng, step.parameters())};
        Batch batch = random_batch(rng, size, widths, kFirst);
        if (size == 33) batch.weight.clear();
        const Expected expected = plain_step(online, target, batch, kFirst, rule);
        Floats gradient(step.parameters());
        Floats m = gradient;
        Floats v = gradient;
        Floats td_error(size);
        const float loss = step.step(
            {batch.obs, batch.action, batch.reward, batch.next_obs, batch.discount, batch.weight},
            target.parameters, {}, {online.parameters, gradient, m, v}, kStill, 1, td_error);
        check_close({loss}, {expected.loss});
        check_close(td_error, expected.td_error);
        check_close(gradient, expected.gradient);
      }
    }
  }
}

TEST_CASE("dqn_step: an action that there is not changes nothing") {
  Rng rng(3);
  DqnStep step({{3, 4, 2}, false, false}, -1, {true, true, {}});
  const Floats before = numbers(rng, step.parameters());
  for (const std::int64_t wrong : {std::int64_t{-2}, std::int64_t{1}, INT64_MIN, INT64_MAX}) {
    Batch batch = random_batch(rng, 5, {3, 4, 2}, -1);
    batch.action[4] = wrong;
    Floats values = before;
    Floats gradient(values.size());
    Floats m = gradient;
    Floats v = gradient;
    Floats td_error(5);
    CHECK_THROWS_AS(
        (void)step.step(
            {batch.obs, batch.action, batch.reward, batch.next_obs, batch.discount, batch.weight},
            before, {}, {values, gradient, m, v}, {1, 0.9, 0.999, 1e-8, {}}, 1, td_error),
        InvalidValue);
    CHECK(values == before);
    CHECK(m == Floats(values.size()));
  }
}

TEST_CASE("adam: steps equal the definition, with the gradient clipped or not") {
  Rng rng(4);
  for (const std::size_t count : {1U, 7U, 8U, 1000U}) {
    for (const std::optional<float> max_norm : {std::optional<float>(), std::optional(0.25F)}) {
      Floats values = numbers(rng, count);
      Floats m(count);
      Floats v(count);
      Doubles x(values.begin(), values.end());
      Doubles first(count);
      Doubles second(count);
      for (int t = 1; t <= 20; ++t) {
        Floats gradient = numbers(rng, count);
        double norm = 0;
        for (const float g : gradient) norm += static_cast<double>(g) * static_cast<double>(g);
        norm = std::sqrt(norm);
        const double scale = max_norm && norm > 0.25 ? 0.25 / norm : 1;
        for (std::size_t i = 0; i < count; ++i) {
          const double g = static_cast<double>(gradient[i]) * scale;
          first[i] = 0.9 * first[i] + 0.1 * g;
          second[i] = 0.99 * second[i] + 0.01 * g * g;
          x[i] -= 1e-2 * first[i] / (1 - std::pow(0.9, t)) /
                  (std::sqrt(second[i] / (1 - std::pow(0.99, t))) + 1e-8);
        }
        sharpwave::adam_step({1e-2, 0.9, 0.99, 1e-8, max_norm}, t, {values, gradient, m, v});
      }
      check_close(values, x);
      check_close(m, first);
      check_close(v, second);
    }
  }
}

TEST_CASE("adam: NaN in the gradient is NaN in the values") {
  Floats values = {1, 2};
  Floats gradient = {kNan, 1};
  Floats m(2);
  Floats v(2);
  sharpwave::adam_step({1e-2, 0.9, 0.99, 1e-8, 10.0F}, 1, {values, gradient, m, v});
  CHECK(std::isnan(values[0]));
  CHECK(std::isnan(values[1]));
}
