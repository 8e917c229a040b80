#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "release.hpp"
#include "sharpwave/sac_step.hpp"
#include "sharpwave/td3_step.hpp"
#include "vectors.hpp"

namespace sharpwave::bindings {
namespace {

// values, gradient, exp_avg, exp_avg_sq; step, learning_rate, beta1, beta2, eps
using Optimized =
    std::tuple<Vector, Vector, Vector, Vector, double, double, double, double, double>;
using Outcome = std::tuple<float, Vector>;

// The core, and the lock that its scratch memory needs while the interpreter is others'.
template <typename Core>
struct Locked {
  template <typename... Arguments>
  explicit Locked(Arguments&&... arguments) : core(std::forward<Arguments>(arguments)...) {}

  [[nodiscard]] std::size_t obs() const { return core.actor().inputs(); }
  [[nodiscard]] std::size_t actions() const { return core.critics().actions(); }

  template <typename Call>
  float run(Call&& call) {
    const Released released;
    const std::scoped_lock alone(lock);
    return call(core);
  }

  Core core;
  std::mutex lock;
};

struct Sac : Locked<SacStep> {
  Sac(std::size_t obs, std::size_t actions, const std::vector<std::size_t>& hidden,
      std::size_t critics, std::pair<float, float> log_std, bool is_mean)
      : Locked(obs, hidden, SquashedGaussian(actions, log_std.first, log_std.second), critics),
        judged(is_mean ? Judged::kMean : Judged::kLeast) {}

  Judged judged;
};
using Td3 = Locked<Td3Step>;

AdamStep adam_of(Optimized& optimized, std::size_t parameters) {
  auto& [values, gradient, exp_avg, exp_avg_sq, step, learning_rate, beta1, beta2, eps] = optimized;
  return {{learning_rate, beta1, beta2, eps, {}},
          step,
          {into("values", values, parameters), into("gradient", gradient, parameters),
           into("exp_avg", exp_avg, parameters), into("exp_avg_sq", exp_avg_sq, parameters)}};
}

template <typename Core>
ControlTransitions batch_of(const Locked<Core>& self, const Floats& obs, const Floats& action,
                            const Floats& reward, const Floats& next_obs, const Floats& discount,
                            const std::optional<Floats>& weight) {
  const auto size = static_cast<std::size_t>(reward.size());
  return {{over("obs", obs, size * self.obs()), over("action", action, size * self.actions())},
          over("reward", reward, size),
          over("next_obs", next_obs, size * self.obs()),
          over("discount", discount, size),
          weight ? over("weight", *weight, size) : std::span<const float>()};
}

void check_members(const std::vector<std::size_t>& members, std::size_t number) {
  for (const std::size_t each : members) {
    if (each >= number) {
      throw InvalidValue("members: expected numbers below " + std::to_string(number) + ", got " +
                         std::to_string(each));
    }
  }
  if (members.empty()) throw InvalidValue("members: expected at least one");
}

Outcome sac_critics(Sac& self, Optimized critics, const Vector& target, const Vector& actor,
                    const Floats& obs, const Floats& action, const Floats& reward,
                    const Floats& next_obs, const Floats& discount,
                    const std::optional<Floats>& weight, const Floats& noise, float temperature,
                    const std::vector<std::size_t>& members) {
  const auto batch = batch_of(self, obs, action, reward, next_obs, discount, weight);
  const auto drawn = over("noise", noise, batch.taken.action.size());
  const auto policy = over("actor", actor, self.core.actor().parameters());
  const auto frozen = over("target", target, self.core.critics().parameters());
  check_members(members, self.core.critics().number());
  const AdamStep adam = adam_of(critics, self.core.critics().parameters());
  Vector td_error(reward.size());
  const auto errors = into("td_error", td_error, batch.reward.size());
  const float loss = self.run([&](SacStep& core) {
    return core.step_critics(batch, drawn, temperature, policy, frozen, members, adam, errors);
  });
  return {loss, td_error};
}

Outcome sac_actor(Sac& self, Optimized actor, const Vector& critics, const Floats& obs,
                  const Floats& noise, float temperature) {
  const std::size_t size = static_cast<std::size_t>(noise.size()) / self.actions();
  const auto seen = over("obs", obs, size * self.obs());
  const auto drawn = over("noise", noise, size * self.actions());
  const auto values = over("critics", critics, self.core.critics().parameters());
  const AdamStep adam = adam_of(actor, self.core.actor().parameters());
  Vector log_density(static_cast<py::ssize_t>(size));
  const auto densities = into("log_density", log_density, size);
  const float loss = self.run([&](SacStep& core) {
    return core.step_actor(seen, drawn, temperature, values, self.judged, adam, densities);
  });
  return {loss, log_density};
}

Outcome td3_critics(Td3& self, Optimized critics, const Vector& target, const Vector& actor_target,
                    const Floats& obs, const Floats& action, const Floats& reward,
                    const Floats& next_obs, const Floats& discount,
                    const std::optional<Floats>& weight, const Floats& noise) {
  const auto batch = batch_of(self, obs, action, reward, next_obs, discount, weight);
  const auto drawn = over("noise", noise, batch.taken.action.size());
  const auto policy = over("actor_target", actor_target, self.core.actor().parameters());
  const auto frozen = over("target", target, self.core.critics().parameters());
  const AdamStep adam = adam_of(critics, self.core.critics().parameters());
  Vector td_error(reward.size());
  const auto errors = into("td_error", td_error, batch.reward.size());
  const float loss = self.run(
      [&](Td3Step& core) { return core.step_critics(batch, drawn, policy, frozen, adam, errors); });
  return {loss, td_error};
}

float td3_actor(Td3& self, Optimized actor, const Vector& critics, const Floats& obs) {
  const std::size_t size = static_cast<std::size_t>(obs.size()) / self.obs();
  const auto seen = over("obs", obs, size * self.obs());
  const auto values = over("critics", critics, self.core.critics().parameters());
  const AdamStep adam = adam_of(actor, self.core.actor().parameters());
  return self.run([&](Td3Step& core) { return core.step_actor(seen, values, adam); });
}

void bind_sac(py::module_& m) {
  py::class_<Sac>(m, "SacStep")
      .def(py::init<std::size_t, std::size_t, const std::vector<std::size_t>&, std::size_t,
                    std::pair<float, float>, bool>(),
           py::arg("obs"), py::arg("actions"), py::arg("hidden"), py::arg("critics"),
           py::arg("log_std"), py::arg("mean"))
      .def("step_critics", &sac_critics, py::arg("critics").noconvert(),
           py::arg("target").noconvert(), py::arg("actor").noconvert(), py::arg("obs"),
           py::arg("action"), py::arg("reward"), py::arg("next_obs"), py::arg("discount"),
           py::arg("weight"), py::arg("noise"), py::arg("temperature"), py::arg("members"))
      .def("step_actor", &sac_actor, py::arg("actor").noconvert(), py::arg("critics").noconvert(),
           py::arg("obs"), py::arg("noise"), py::arg("temperature"));
}

void bind_td3(py::module_& m) {
  py::class_<Td3>(m, "Td3Step")
      .def(py::init([](std::size_t obs, std::size_t actions, const std::vector<std::size_t>& hidden,
                       std::size_t critics, float noise, float noise_clip) {
             return std::make_unique<Td3>(obs, actions, hidden, critics,
                                          TargetNoise{noise, noise_clip});
           }),
           py::arg("obs"), py::arg("actions"), py::arg("hidden"), py::arg("critics"),
           py::arg("noise"), py::arg("noise_clip"))
      .def("step_critics", &td3_critics, py::arg("critics").noconvert(),
           py::arg("target").noconvert(), py::arg("actor_target").noconvert(), py::arg("obs"),
           py::arg("action"), py::arg("reward"), py::arg("next_obs"), py::arg("discount"),
           py::arg("weight"), py::arg("noise"))
      .def("step_actor", &td3_actor, py::arg("actor").noconvert(), py::arg("critics").noconvert(),
           py::arg("obs"));
}

}  // namespace

void bind_actor_critic(py::module_& m) {
  bind_sac(m);
  bind_td3(m);
}

}  // namespace sharpwave::bindings
