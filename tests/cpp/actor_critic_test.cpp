#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "plain_actor_critic.hpp"
#include "sharpwave/critics.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/sac_step.hpp"
#include "sharpwave/td3_step.hpp"

using sharpwave::AdamStep;
using sharpwave::ControlTransitions;
using sharpwave::Critics;
using sharpwave::InvalidValue;
using sharpwave::Judged;
using sharpwave::SacStep;
using sharpwave::SquashedGaussian;
using sharpwave::Td3Step;
using namespace plain;

namespace {

constexpr std::size_t kObs = 4;
constexpr std::size_t kActions = 3;
constexpr float kTemperature = 0.3F;
const std::vector<Widths> kHidden = {{}, {17}, {33, 16}, {9, 1, 20}};

// Vectors of a step that leaves the gradient as it is, and moves nothing.
struct Still {
  explicit Still(const Floats& of) : values(of), gradient(of.size(), kNan), m(of), v(of) {}

  AdamStep step() { return {{0, 0.9, 0.999, 1e-8, {}}, 1, {values, gradient, m, v}}; }

  Floats values;
  Floats gradient;
  Floats m;
  Floats v;
};

struct Networks {
  Networks(Rng& rng, const Widths& hidden, std::size_t number, std::size_t outputs)
      : critics(rng, sharpwave::widths_between(kObs + kActions, hidden, 1), number),
        target(rng, critics.widths, number) {
    const Widths widths = sharpwave::widths_between(kObs, hidden, outputs);
    std::size_t count = 0;
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) count += (widths[l] + 1) * widths[l + 1];
    actor = {widths, numbers(rng, count)};
  }

  PlainCritics critics;
  PlainCritics target;
  PlainMlp actor;
};

ControlTransitions batch_of(const Rows& rows) {
  return {{rows.obs, rows.action}, rows.reward, rows.next_obs, rows.discount, rows.weight};
}

double bootstrapped(const Rows& rows, std::size_t i, double next) {
  return static_cast<double>(rows.reward[i]) + static_cast<double>(rows.discount[i]) * next;
}

Doubles tanh_of(Doubles output) {
  for (double& each : output) each = std::tanh(each);
  return output;
}

Widths all_of(std::size_t number) {
  Widths members;
  for (std::size_t k = 0; k < number; ++k) members.push_back(k);
  return members;
}

// One critic, which says `slope` times its action, whose other parameters are 0.
Floats lines(const Floats& slopes) {
  Floats parameters;
  for (const float slope : slopes) {
    parameters.insert(parameters.end(), {0, slope});
  }
  parameters.resize(3 * slopes.size());
  return parameters;
}

}  // namespace

TEST_CASE("critics: the values of an action and the gradient by it equal the definition") {
  Rng rng(1);
  for (const Widths& hidden : kHidden) {
    for (const std::size_t size : {1U, 16U, 100U}) {
      Critics critics(kObs, kActions, hidden, 3);
      const PlainCritics definition(rng, sharpwave::widths_between(kObs + kActions, hidden, 1), 3);
      const Rows rows = random_rows(rng, size, kObs, kActions);
      for (const Widths& members : {Widths{0, 1, 2}, Widths{2, 0}, Widths{1}}) {
        for (const Judged judged : {Judged::kLeast, Judged::kMean}) {
          if (judged == Judged::kMean && members.size() < 3) continue;
          Floats out(size, kNan);
          Floats by_action(size * kActions, kNan);
          critics.judge(definition.parameters().data(), {rows.obs, rows.action}, members, judged,
                        out, 0.5F, by_action);
          Doubles values;
          Doubles slopes;
          for (std::size_t i = 0; i < size; ++i) {
            const auto at = [&](std::size_t j, double step) {
              Doubles action = row_of(rows.action, i, kActions);
              action[j] += step;
              const Doubles row = beside(rows.obs, i, kObs, action);
              return judged == Judged::kLeast ? definition.least(members, row)
                                              : definition.mean(row);
            };
            values.push_back(at(0, 0));
            for (std::size_t j = 0; j < kActions; ++j) {
              slopes.push_back(0.5 * (at(j, 1e-6) - at(j, -1e-6)) / 2e-6);
            }
          }
          check_close(out, values);
          check_close(by_action, slopes);
        }
      }
    }
  }
}

TEST_CASE("critics: those that are the least together share the gradient, and NaN is the least") {
  Critics critics(1, 1, {}, 3);
  const Floats obs = {0, 0};
  const Floats action = {1, 0};  // at 0 all three are 0
  Floats out(2);
  Floats by_action(2);
  const Floats parameters = lines({1, -2, 4});
  critics.judge(parameters.data(), {obs, action}, Widths{0, 1, 2}, Judged::kLeast, out, 3,
                by_action);
  CHECK(out == Floats{-2, 0});
  CHECK(by_action == Floats{-6, 3});
  const Floats broken = lines({1, kNan, 4});
  critics.judge(broken.data(), {obs, action}, Widths{0, 1, 2}, Judged::kLeast, out, 3, by_action);
  CHECK(std::isnan(out[0]));
  CHECK(std::isnan(by_action[0]));
}

TEST_CASE("critics: no critics at all are refused") {
  CHECK_THROWS_AS(Critics(kObs, kActions, {8}, 0), InvalidValue);
}

TEST_CASE("sac_step: the critics' loss, td_error and gradient equal the definition") {
  Rng rng(2);
  for (const Widths& hidden : kHidden) {
    for (const std::size_t number : {1U, 2U, 3U}) {
      const Networks of(rng, hidden, number, 2 * kActions);
      SacStep step(kObs, hidden, SquashedGaussian(kActions, -20, 2), number);
      for (const std::size_t size : {1U, 33U, 100U}) {
        Rows rows = random_rows(rng, size, kObs, kActions);
        if (size == 33) rows.weight.clear();
        const Widths members = number == 3 ? Widths{2, 0} : all_of(number);
        Doubles y;
        for (std::size_t i = 0; i < size; ++i) {
          Doubles output(2 * i * kActions);
          const Doubles own = of.actor.forward(rows.next_obs.data() + i * kObs).back();
          output.insert(output.end(), own.begin(), own.end());
          const Drawn drawn = draw(output, rows.noise, i, kActions, -20, 2);
          const double next =
              of.target.least(members, beside(rows.next_obs, i, kObs, drawn.action));
          y.push_back(
              bootstrapped(rows, i, next - static_cast<double>(kTemperature) * drawn.log_density));
        }
        const Expected expected = towards(of.critics, rows, y);
        Still critics(of.critics.parameters());
        Floats td_error(size, kNan);
        const float loss =
            step.step_critics(batch_of(rows), rows.noise, kTemperature, of.actor.parameters,
                              of.target.parameters(), members, critics.step(), td_error);
        check_close({loss}, {expected.loss});
        check_close(td_error, expected.td_error);
        check_close(critics.gradient, expected.gradient);
      }
    }
  }
}

TEST_CASE("sac_step: the actor's loss, density and gradient equal the definition") {
  Rng rng(3);
  for (const Widths& hidden : kHidden) {
    for (const Judged judged : {Judged::kLeast, Judged::kMean}) {
      const Networks of(rng, hidden, 2, 2 * kActions);
      SacStep step(kObs, hidden, SquashedGaussian(kActions, -20, 2), 2);
      for (const std::size_t size : {1U, 33U, 100U}) {
        const Rows rows = random_rows(rng, size, kObs, kActions);
        const auto drawn_of = [&](std::size_t i, const Doubles& own) {
          Doubles output(2 * i * kActions);
          output.insert(output.end(), own.begin(), own.end());
          return draw(output, rows.noise, i, kActions, -20, 2);
        };
        const Expected expected =
            through(of.actor, rows, [&](std::size_t i, const Doubles& output) {
              const Drawn drawn = drawn_of(i, output);
              const Doubles row = beside(rows.obs, i, kObs, drawn.action);
              const double q =
                  judged == Judged::kLeast ? of.critics.least({0, 1}, row) : of.critics.mean(row);
              return static_cast<double>(kTemperature) * drawn.log_density - q;
            });
        Doubles densities;
        for (std::size_t i = 0; i < size; ++i) {
          const float* const obs = rows.obs.data() + i * kObs;
          densities.push_back(drawn_of(i, of.actor.forward(obs).back()).log_density);
        }
        Still actor(of.actor.parameters);
        Floats density(size, kNan);
        const float loss = step.step_actor(rows.obs, rows.noise, kTemperature,
                                           of.critics.parameters(), judged, actor.step(), density);
        check_close({loss}, {expected.loss});
        check_close(density, densities);
        check_close(actor.gradient, expected.gradient);
      }
    }
  }
}

TEST_CASE("td3_step: the critics' loss, td_error and gradient equal the definition") {
  Rng rng(4);
  constexpr sharpwave::TargetNoise kNoise{0.4F, 0.5F};
  for (const Widths& hidden : kHidden) {
    for (const std::size_t number : {1U, 2U}) {
      const Networks of(rng, hidden, number, kActions);
      Td3Step step(kObs, kActions, hidden, number, kNoise);
      for (const std::size_t size : {1U, 33U, 100U}) {
        const Rows rows = random_rows(rng, size, kObs, kActions);
        Doubles y;
        for (std::size_t i = 0; i < size; ++i) {
          Doubles action = tanh_of(of.actor.forward(rows.next_obs.data() + i * kObs).back());
          for (std::size_t j = 0; j < kActions; ++j) {
            const double added = 0.4 * static_cast<double>(rows.noise[i * kActions + j]);
            action[j] = std::clamp(action[j] + std::clamp(added, -0.5, 0.5), -1.0, 1.0);
          }
          const Doubles row = beside(rows.next_obs, i, kObs, action);
          y.push_back(bootstrapped(rows, i, of.target.least(all_of(number), row)));
        }
        const Expected expected = towards(of.critics, rows, y);
        Still critics(of.critics.parameters());
        Floats td_error(size, kNan);
        const float loss = step.step_critics(batch_of(rows), rows.noise, of.actor.parameters,
                                             of.target.parameters(), critics.step(), td_error);
        check_close({loss}, {expected.loss});
        check_close(td_error, expected.td_error);
        check_close(critics.gradient, expected.gradient);
      }
    }
  }
}

TEST_CASE("td3_step: the actor climbs the first critic") {
  Rng rng(5);
  for (const Widths& hidden : kHidden) {
    const Networks of(rng, hidden, 2, kActions);
    Td3Step step(kObs, kActions, hidden, 2, {0, 0});
    for (const std::size_t size : {1U, 33U, 100U}) {
      const Rows rows = random_rows(rng, size, kObs, kActions);
      const Expected expected = through(of.actor, rows, [&](std::size_t i, const Doubles& output) {
        return -of.critics.value(0, beside(rows.obs, i, kObs, tanh_of(output)));
      });
      Still actor(of.actor.parameters);
      const float loss = step.step_actor(rows.obs, of.critics.parameters(), actor.step());
      check_close({loss}, {expected.loss});
      check_close(actor.gradient, expected.gradient);
    }
  }
}
